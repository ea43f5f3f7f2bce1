"""A log-mel filter bank with delta or rate coding: simple and causal.

A frame is a Hann window of sound, and there is one every `hop` seconds. Its power is summed in triangular bands,
equally wide in mel = 2595 log10(1 + f / 700 Hz), and taken in decibels of full scale, not below `floor`.
"""

import math
from typing import Any

import numpy as np

from spikescan.random import fold, uniform

from ._base import FrontEnd, SpikeEngine, Spikes, positive, whole

RATE = 16_000
WINDOW = 512  # samples, 32 ms
HANN = np.hanning(WINDOW + 1)[:-1]
POWER = 4 / HANN.sum() ** 2  # of a sinusoid of amplitude 1: 1
TOGETHER = 32  # frames that are transformed at once, always as many, so that chunks give the bits of the whole
CODINGS = "delta", "rate"
DRAWS = 0x6D656C


class LogMel(FrontEnd[Spikes]):
    """Bands of log power, coded as spikes; the sound is brought to 16 kHz.

    "delta" sends a spike for every `step` decibels by which a band has risen (channels 0 to C/2 - 1) or fallen (C/2 to
    C - 1) since its last spike; several within a frame are spread over its hop. It draws nothing. "rate" sends at most
    one spike a frame and band, its probability rises from 0 at `floor` to `highest_rate` · hop at 0 dB.

    Args:
        channels: of the spikes: for delta twice the bands, for rate the bands.
        coding: "delta" or "rate".
        hop: seconds between frames, rounded to whole samples.
        step: of delta, in decibels.
        floor: decibels of full scale below which a band counts as silent.
        highest_rate: of rate, in spikes a second.
        lowest, highest: the filter bank's ends in Hz.
        seed: of rate's draws, where a call gives none.
    """

    kind, rate = "log-mel", RATE

    def __init__(
        self,
        channels: int = 128,
        coding: str = "delta",
        *,
        hop: float = 2e-3,
        step: float = 3.0,
        floor: float = -80.0,
        highest_rate: float = 200.0,
        lowest: float = 50.0,
        highest: float = 8000.0,
        seed: int = 0,
    ) -> None:
        super().__init__(channels, seed)
        if coding not in CODINGS:
            raise ValueError(f"coding: one of {', '.join(CODINGS)} is needed, found {coding!r}")
        if coding == "delta" and channels % 2:
            raise ValueError(f"channels: delta coding needs an even number, found {channels}")
        self.coding, self.hop, self.step = coding, positive("hop", hop), positive("step", step)
        self.floor = -positive("floor, negated,", -floor)
        self.highest_rate = positive("highest_rate", highest_rate)
        self.lowest, self.highest = positive("lowest", lowest), positive("highest", highest)
        self.hop_samples = whole("hop", round(self.hop * RATE), 1, WINDOW)
        if not lowest < highest <= RATE / 2:
            raise ValueError(
                f"highest: above lowest ({lowest:g}) and at most {RATE / 2:g} Hz is needed, found {highest:g}"
            )
        if coding == "rate" and highest_rate * self.hop_samples > RATE:
            raise ValueError(
                f"highest_rate: at most one spike a hop ({1 / hop:g} Hz) is possible, found {highest_rate:g}"
            )
        weights = filter_bank(self.bands, self.lowest, self.highest)
        band, self._bins = weights.nonzero()  # each band has some
        self._begins, self._weights = np.searchsorted(band, np.arange(self.bands)), weights[band, self._bins] * POWER

    @property
    def bands(self) -> int:
        return self.channels // 2 if self.coding == "delta" else self.channels

    def settings(self) -> dict[str, Any]:
        names = "channels", "coding", "hop", "step", "floor", "highest_rate", "lowest", "highest", "seed"
        return {"kind": self.kind} | {name: getattr(self, name) for name in names}

    def levels(self, sound: np.ndarray) -> np.ndarray:
        """(TOGETHER, bands), in dB of full scale; `sound` has the samples of so many frames."""
        frames = np.lib.stride_tricks.sliding_window_view(sound.astype(np.float64), WINDOW)[:: self.hop_samples]
        spectrum = np.fft.rfft(frames * HANN, axis=1)
        power = spectrum.real**2 + spectrum.imag**2
        # Most weights are 0, and a product of matrices would wait for threads of BLAS.
        power = np.add.reduceat(power[:, self._bins] * self._weights, self._begins, axis=1)
        return np.maximum(10 * np.log10(np.maximum(power, 1e-30)), self.floor)

    def _engine(self, seed: int) -> SpikeEngine:
        return _Frames(self, _Delta(self) if self.coding == "delta" else _Rate(self, seed))


def filter_bank(bands: int, lowest: float, highest: float) -> np.ndarray:
    """(bands, WINDOW // 2 + 1) triangles of height 1."""
    mel = np.linspace(_mel(lowest), _mel(highest), bands + 2)
    edges = 700 * (10 ** (mel / 2595) - 1)
    hertz = np.fft.rfftfreq(WINDOW, 1 / RATE)
    below, centre, above = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    # Narrow bands are widened to the transform's own resolution.
    rise, fall = np.maximum(centre - below, RATE / WINDOW), np.maximum(above - centre, RATE / WINDOW)
    return np.clip(np.minimum((hertz - centre) / rise, (centre - hertz) / fall) + 1, 0, None)


def _mel(hertz: float) -> float:
    return 2595 * math.log10(1 + hertz / 700)


class _Frames(SpikeEngine):
    """Frame f ends with sample (f + 1) · hop - 1; before the sound there is silence."""

    def __init__(self, front: LogMel, coder: "_Delta | _Rate") -> None:
        self._front, self._coder = front, coder
        self._sound, self._group, self._done = np.zeros(WINDOW - front.hop_samples, np.float32), 0, 0

    def push(self, samples: np.ndarray) -> Spikes:
        hop, first, found = self._front.hop_samples, self._group * TOGETHER + self._done, []
        span, begin = WINDOW + (TOGETHER - 1) * hop, 0
        self._sound = np.concatenate([self._sound, samples])
        while (ready := min((len(self._sound) - begin - WINDOW) // hop + 1, TOGETHER)) > self._done:
            sound = self._sound[begin : begin + span]
            found.append(self._front.levels(np.pad(sound, (0, span - len(sound))))[self._done : ready])
            self._done = ready
            if ready == TOGETHER:
                begin, self._group, self._done = begin + TOGETHER * hop, self._group + 1, 0
        self._sound = self._sound[begin:]
        return self._coder.code(first, np.concatenate(found)) if found else self.finish()


class _Delta:
    def __init__(self, front: LogMel) -> None:
        self._step, self._hop = front.step, front.hop_samples / RATE
        self._sent = np.full(front.bands, front.floor)

    def code(self, first: int, levels: np.ndarray) -> Spikes:
        """Of the levels (F, bands) of the frames from `first` on."""
        steps = np.empty(levels.shape, np.int64)
        for risen, level in zip(steps, levels, strict=True):
            risen[:] = (level - self._sent) / self._step
            self._sent += risen * self._step
        frame, band = steps.nonzero()
        risen = steps[frame, band]
        number = np.abs(risen)
        frame, channel = np.repeat(frame, number), np.repeat(band + levels.shape[1] * (risen < 0), number)
        place = np.arange(number.sum()) - np.repeat(np.cumsum(number) - number, number) + 1
        times = (first + frame + place / np.repeat(number, number)) * self._hop
        order = np.lexsort((channel, times))
        return Spikes(times[order], channel[order])


class _Rate:
    def __init__(self, front: LogMel, seed: int) -> None:
        self._front, self._seed, self._hop = front, fold(seed, DRAWS), front.hop_samples / RATE

    def code(self, first: int, levels: np.ndarray) -> Spikes:
        """Of the levels (F, bands) of the frames from `first` on."""
        share = np.clip(1 - levels / self._front.floor, 0, 1)
        draws = uniform((len(levels), 1, levels.shape[1]), seed=self._seed, step=first).numpy()[:, 0]
        frame, band = (draws < share * self._front.highest_rate * self._hop).nonzero()
        return Spikes((first + frame + 1) * self._hop, band)
