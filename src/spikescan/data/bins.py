"""The width of a time step: the rule by which one is suggested, and how many steps it gives."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import count

import numpy as np

from spikescan.data.dataset import Dataset
from spikescan.data.dense import DenseStore, whole_multiple
from spikescan.data.images import ImageStore
from spikescan.errors import InputError

LEAST = 50  # steps of the median recording, where its times allow as many
MOST = 500  # steps of the median recording of real-valued data, unless it has fewer of its own
_DISTINCT = 20  # different times from which a common divisor is no coincidence
_PART = 2**20  # events whose common divisor is looked for at a time


def suggested_dt(data: Dataset) -> float:
    """Seconds of a time step, such that the median recording has between 50 and 500 steps.

    Events: the largest of 1, 2, 5, 10, 20, 50, … µs with which the median recording (of those with events) has at least
    50 steps. Where all times, at least 20 different ones, lie on a regular grid (of a sensor that reports every 4 ms,
    say), the same multiples of its period are taken instead of those of a microsecond, and at least one period: with a
    narrower bin some bins could never hold an event.
    Real-valued data: their own step, or the smallest of 2, 5, 10, 20, … steps with which the median recording has at
    most 500.

    Raises:
        InputError: where no recording has a duration, and for still images, which have none.
    """
    if isinstance(data.store, ImageStore):
        raise InputError(f"data set {data.name}: still images last no time, there is no time step to suggest")
    if isinstance(data.store, DenseStore):
        return data.store.dt * _narrowest(float(np.median(data.store.steps[data.indices])))
    durations = data.durations[data.durations > 0]
    if not len(durations):
        raise InputError(f"data set {data.name}: no sample has an event; give dt")
    period = grid(data.store.times)
    wide = _widest(float(np.median(durations)) / period)
    return wide * period / 1e6


def _widest(units: float) -> int:
    """The largest of 1, 2, 5, 10, … that fits LEAST times into so many units; at least 1."""
    found = 1
    for width in _widths():
        if width * LEAST > units:
            break
        found = width
    return found


def _narrowest(units: float) -> int:
    """The smallest of 1, 2, 5, 10, … that fits at most MOST times into so many units."""
    return next(width for width in _widths() if np.ceil(units / width) <= MOST)


def _widths() -> Iterator[int]:
    return (digit * 10**k for k in count() for digit in (1, 2, 5))


def grid(times: np.ndarray) -> int:
    """The period in µs of which all times (E,) are multiples; 1 where they have none, or are too few to tell."""
    period = 0
    if len(np.unique(times[:_PART])) < _DISTINCT:
        return 1
    for first in range(0, len(times), _PART):
        period = int(np.gcd.reduce(np.asarray(times[first : first + _PART]), initial=period))
        if period == 1:
            break
    return period


def microseconds(dt: float) -> Fraction:
    """`dt` seconds as the fraction of microseconds nearest to it. ValueError for a dt below one."""
    if not 1e-6 <= dt < float("inf"):
        raise ValueError(f"dt is {dt} s, must be at least the microsecond that event times are known to")
    return Fraction(dt * 1e6).limit_denominator(10**6)


def steps(data: Dataset, dt: float) -> np.ndarray:
    """Time steps of each sample in bins of `dt` seconds, (n,) int64; at least 1."""
    if isinstance(data.store, ImageStore):
        return np.ones(len(data), np.int64)
    if isinstance(data.store, DenseStore):
        return -(-data.store.steps[data.indices] // whole_multiple(data.store, dt))
    width = microseconds(dt)
    last = np.maximum(data.durations - 1, 0)
    return last * width.denominator // width.numerator + 1
