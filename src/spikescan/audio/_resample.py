"""Another sampling rate: a windowed-sinc filter by phases, the same numbers for every chunking.

Output n lies at input position n · down / up. Each is one product of a phase of the filter with `taps` samples, in
a fixed order, so that where a chunk ends changes nothing. The filter (Kaiser window) passes 86 % of the lower of
the two Nyquist frequencies to 0.1 dB, is 3 dB down at 90 % and 80 dB from that frequency on.
"""

from functools import lru_cache
from importlib import import_module
from math import gcd

import numpy as np

from spikescan import native

HALF_WIDTH = 32  # samples, at the lower rate, on each side
KAISER = 8.0
PASSED = 0.92
RATES = 1_000, 1_000_000


class Resampler:
    """From one rate to another, both whole numbers of samples a second."""

    def __init__(self, rate: int, target: int) -> None:
        shared = gcd(rate, target)
        self.up, self.down = target // shared, rate // shared
        self._filters = None if self.up == self.down else filters(self.up, self.down)
        self._half = 0 if self._filters is None else self._filters.shape[1] // 2
        # `_samples` begins at input position `_origin`; before the sound there is silence.
        self._samples, self._origin = np.zeros(self._half, np.float32), -self._half
        self._received = self._done = 0

    def push(self, samples: np.ndarray) -> np.ndarray:
        """The outputs that so many more samples determine, float32."""
        if self._filters is None:
            return samples
        self._received += len(samples)
        return self._outputs(samples, (self._received - self._half) * self.up // self.down)

    def finish(self) -> np.ndarray:
        """The rest, with silence behind the sound: n · up / down outputs in all, rounded up."""
        if self._filters is None:
            return np.empty(0, np.float32)
        total = -(-self._received * self.up // self.down)
        return self._outputs(np.zeros(2 * self._half, np.float32), total)

    def _outputs(self, samples: np.ndarray, end: int) -> np.ndarray:
        """Outputs up to `end`."""
        self._samples = np.concatenate([self._samples, samples])
        place = np.arange(self._done, max(end, self._done), dtype=np.int64) * self.down
        start = place // self.up - self._half + 1 - self._origin
        out = _body().resample(self._samples, self._filters, start, place % self.up)
        self._done = max(end, self._done)
        drop = max(self._done * self.down // self.up - self._half + 1 - self._origin, 0)
        self._samples, self._origin = self._samples[drop:], self._origin + drop
        return out


@lru_cache(maxsize=16)
def filters(up: int, down: int) -> np.ndarray:
    """(up, taps) float32: phase p has the weights of the samples from floor(place) - taps / 2 + 1 on."""
    slower = max(1.0, down / up)
    taps = 16 * int(np.ceil(2 * HALF_WIDTH * slower / 16))
    distance = np.arange(taps) - taps // 2 + 1 - np.arange(up)[:, None] / up  # from the output, in samples
    within = np.clip(1 - (distance / (HALF_WIDTH * slower)) ** 2, 0, None)
    cutoff = PASSED / slower
    weights = np.sinc(cutoff * distance) * np.where(within > 0, np.i0(KAISER * np.sqrt(within)), 0)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def resample(samples: np.ndarray, rate: int, target: int) -> np.ndarray:
    """All at once: (n,) float32."""
    resampler = Resampler(rate, target)
    return np.concatenate([resampler.push(samples), resampler.finish()])


def _body():
    return import_module(f"spikescan.audio.{'_reference' if native.missing() else '_native'}")
