"""The artificial cochlea that made the Spiking Heidelberg Digits, for whole recordings.

Cramer, Stradmann, Schemmel and Zenke, "The Heidelberg spiking data sets for the systematic evaluation of spiking neural
networks", IEEE TNNLS 2020: loudness normalised, one window over the whole recording, basilar membrane, hair cells,
nerve fibres and bushy cells.
"""

from typing import Any

import numpy as np
import torch

from spikescan import native
from spikescan.errors import InputError
from spikescan.random import fold

from ._bank import BLOCK, Bank, padded
from ._base import FrontEnd, SpikeEngine, Spikes
from ._constants import cells
from ._velocity import table_of

RATE = 48_000
LOUDNESS = 0.3
PART = 16  # channels whose velocities are computed at once
LONG = 240_000  # steps, 10 s, beyond which one block of channels is held at a time
DRAWS = 0x736F756E64
"""What the seed is folded with, so that a neuron called with the same seed draws other numbers."""


class Cochlea(FrontEnd[Spikes]):
    """The exact model; it needs the whole recording, since loudness and window are those of the whole.

    The sound is brought to 48 kHz, and the cells run at 24 kHz as the authors' program has it (at 8 kHz the steps of
    the hair cells' equations would be too long). Silence is put behind the sound, by a few per cent, to a length whose
    Fourier transform is quick; where it is one already the result is the model's to rounding.

    The membrane's C0 is 10e8, as in lauscher 1.0.1; the authors' program had 10e7 until August 2021. Of 24 recordings
    of the Free Spoken Digit Dataset (8 kHz), lauscher 1.0.1 and `Cochlea` gave equally many spikes to 0.4 %, and to 7 %
    in each group of 50 channels below 4 kHz. With 10e7 they were 13 % fewer, and in single groups four times as many
    or a twentieth. Whether the published spikes were made with 10e7 or 10e8 was not compared.

    Args:
        channels: places along the membrane, from 22.5 kHz to 110 Hz.
        seed: of the nerve fibres' draws, where a call gives none.
    """

    kind, causal, rate = "cochlea", False, RATE

    def __init__(self, channels: int = 700, seed: int = 0) -> None:
        super().__init__(channels, seed)

    def settings(self) -> dict[str, Any]:
        return {"kind": self.kind, "channels": self.channels, "seed": self.seed}

    def _engine(self, seed: int) -> "_Whole":
        return _Whole(self, seed)


class _Whole(SpikeEngine):
    """Collects the sound; the end of the recording brings all spikes."""

    def __init__(self, front: Cochlea, seed: int) -> None:
        self._channels, self._seed, self._parts = front.channels, int(fold(seed, DRAWS)), []

    def push(self, samples: np.ndarray) -> Spikes:
        self._parts.append(samples)
        return super().finish()

    def finish(self) -> Spikes:
        sound = windowed(normalised(np.concatenate(self._parts)))
        steps, k, codes = len(sound) // 2 + 1, cells(RATE / 2), []
        together = BLOCK * (native.threads() if steps <= LONG else 1)  # which bounds the memory
        lanes = torch.zeros(steps, together)
        for first, velocity in table_of(self._channels, RATE).velocities(sound, PART):
            last = first + velocity.shape[1]
            lanes[:, first % together : (last - 1) % together + 1] = velocity[:steps]
            if last % together == 0 or last == self._channels:
                begin = (last - 1) // together * together
                bank = Bank(k, self._channels, padded(last - begin), self._seed, begin)
                lanes[:, last - begin : bank.lanes] = 0
                codes.append(bank.spikes(bank.at_rest(), "velocity", lanes[:, : bank.lanes].numpy()))
        return decoded(np.sort(np.concatenate(codes)), self._channels, RATE / 2)


def normalised(sound: np.ndarray) -> np.ndarray:
    """With a root mean square of 0.3, float64. InputError for silence."""
    sound = sound.astype(np.float64)
    loudness = np.sqrt(np.mean(sound**2))
    if loudness == 0:
        raise InputError("samples: the recording is silent, so that its loudness cannot be normalised")
    return sound * (LOUDNESS / loudness)


def windowed(sound: np.ndarray) -> np.ndarray:
    """Half a Hann window up and half a one down over the whole."""
    half = len(sound) // 2
    ramp = np.hanning(2 * half)[:half]
    return sound * np.concatenate([ramp, np.ones(len(sound) % 2), ramp[::-1]])


def decoded(codes: np.ndarray, channels: int, rate: float, step: int = 0) -> Spikes:
    """Codes step · channels + channel as times and channels; the first step is `step`."""
    steps, places = np.divmod(codes, channels)
    return Spikes((steps + step) / rate, places)
