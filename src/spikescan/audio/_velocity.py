"""The velocity of the basilar membrane for whole sounds, quickly.

The response v(ω, c) is smooth on a logarithmic axis of frequency, so it is computed on a thousand points once and
interpolated for every length (Lagrange, six points: less than 1e-5 of the largest value off).
"""

from collections.abc import Iterator
from functools import lru_cache
from importlib import import_module

import numpy as np
import torch

from spikescan import native

from ._membrane import frequencies, places, response

TAPS = 6
POINTS = 128  # for each factor e in frequency
BEND = 20.0  # Hz: below it the axis becomes linear
NOTHING = 1e-7  # of a channel's largest response


class Table:
    """The responses of all channels for sounds of one rate."""

    def __init__(self, channels: int, rate: int) -> None:
        self.channels, self.rate = channels, rate
        points = int(_axis(rate / 2) * POINTS) + TAPS
        place = (np.arange(points) - TAPS // 2 + 1) / POINTS
        hertz = BEND * np.expm1(place)
        hertz[: TAPS // 2] = np.maximum(hertz[: TAPS // 2], hertz[TAPS // 2] / 2)  # below 1 Hz nothing is looked up
        self.table = np.zeros((channels, points), np.complex64)
        self._last = np.zeros(channels)  # Hz
        for channel, c in enumerate(places(channels)):
            values = response(2 * np.pi * hertz, c)
            size = np.abs(values)
            last = int(np.flatnonzero(size > NOTHING * size.max())[-1])
            self.table[channel, : last + 1] = values[: last + 1]
            self._last[channel] = hertz[last]

    def velocities(self, sound: np.ndarray, together: int) -> Iterator[tuple[int, torch.Tensor]]:
        """First channel and velocity, float32 (M', so many channels), of some channels after the other.

        M' is at least what the definition has for this sound, whose steps come first; behind the sound is silence.
        """
        from scipy.fft import next_fast_len

        bins = int(next_fast_len(-(-len(sound) // 2) + 1, real=True) or 0)
        samples = 2 * (bins - 1)
        spectrum = np.fft.rfft(sound, samples)[:bins].astype(np.complex64)
        from_, weights, hertz = _interpolation(samples, self.rate)
        ends = np.searchsorted(hertz, self._last)
        for first in range(0, self.channels, together):
            some = slice(first, first + together)
            half = _body().spectra(self.table[some], from_, weights, spectrum, ends[some])
            yield first, torch.fft.irfft(torch.from_numpy(half), n=bins).T


@lru_cache(maxsize=2)
def table_of(channels: int, rate: int) -> Table:
    """Kept for the next recording."""
    return Table(channels, rate)


def _axis(hertz):
    return np.log1p(hertz / BEND)


@lru_cache(maxsize=8)
def _interpolation(samples: int, rate: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each bin: the first point, the weights of TAPS points from there on (M, TAPS), the frequency in Hz."""
    hertz = frequencies(samples, rate) / (2 * np.pi)
    place = _axis(hertz) * POINTS
    whole = np.floor(place).astype(np.int64)
    offset = (place - whole)[:, None] - (np.arange(TAPS) - TAPS // 2 + 1)
    weights = np.ones((len(hertz), TAPS))
    for j in range(TAPS):
        for k in range(TAPS):
            if k != j:
                weights[:, j] *= offset[:, k] / (j - k)
    return whole, weights.astype(np.float32), hertz


def _body():
    return import_module(f"spikescan.audio.{'_reference' if native.missing() else '_native'}")
