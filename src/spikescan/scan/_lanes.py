"""How the numba kernels share out their work. (B, N) is one axis of lanes for them; a task is a range of lanes by a
span of time."""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from numba import njit
from torch import Tensor

from ._caches import VECTOR
from ._compiling import SOURCES, announced
from ._threads import torch_threads

LANES = 4096
"""In a task, at most: a step's rows stay in the second-level cache, and memory is gone through in runs of 16 kB."""
PIECE = 128
"""Lanes of a piece, at least: what repeats from piece to piece stays in the first-level cache."""
PAGE, APART = 4096, 768
"""Bytes; see `row_of`."""
AHEAD = 2
"""Steps that a row is fetched before it is needed."""
LARGE = 2**20
"""Bytes of an array from which results are written past the caches: beside the arrays of other layers, those of a core
do not hold it until it is read."""
THIN = 32
"""Lanes a thread below which time is cut."""
LONG = 4096
"""Steps below which it is not."""
VANISHED = {torch.float32: 1.5 * 104, torch.float64: 1.5 * 746}
"""-log of half the smallest number, and half as much again for two equal leaks in a row (n·β^n, not β^n)."""


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A kernel, parallel unless `options` say otherwise: compiled at its first call, which says so, and kept on disk
    (beside the package, else in the user's cache, else where NUMBA_CACHE_DIR says)."""

    options = {"parallel": True} | options

    def compile_later(function: Callable[..., Any]) -> Callable[..., Any]:
        function.__qualname__ += f"_{SOURCES}"  # by this it is found again
        try:
            return announced(njit(cache=True, **options)(function))
        except RuntimeError:  # no place to keep it
            return announced(njit(**options)(function), kept=False)

    return compile_later


@njit(error_model="numpy")
def piece(features, lanes):
    """Lanes after which both the features and the lines of memory begin anew; all, where those are fewer."""
    both = features // math.gcd(features, VECTOR) * VECTOR
    return min(-(-PIECE // both) * both, lanes)


@njit(error_model="numpy")
def of_piece(values, features, first, last):
    """`values` (features,), or one for all, for a piece of the lanes first to last; zeros for an empty one."""
    out = np.zeros(piece(features, last - first), values.dtype)
    if len(values):
        n = first % len(values)
        for k in range(len(out)):
            out[k] = values[n]
            n = n + 1 if n + 1 < len(values) else 0
    return out


@njit(error_model="numpy")
def pages(rows, lanes, like):
    """Memory for `rows` rows of lanes, for `row_of`."""
    return np.zeros(rows * _row_pitch(lanes, like.itemsize) + PAGE // like.itemsize, like.dtype)


@njit(error_model="numpy")
def row_of(memory, k, lanes):
    """Row k, which begins at a place in its page that no other one begins at, nor an array that begins with a page. A
    load from the place that a store to another page has just gone to waits for that store, and a loop over rows that
    lie badly to each other takes twice as long."""
    size = memory.itemsize
    begin = (-memory.ctypes.data % PAGE + APART) // size + k * _row_pitch(lanes, size)
    return memory[begin : begin + lanes]


@njit(error_model="numpy")
def _row_pitch(lanes, size):
    return (-(-lanes * size // PAGE) * PAGE + APART) // size


# Loops, where a slice assignment would compile, for seconds, the words for shapes that do not fit.


@njit(error_model="numpy", forceinline=False)
def copy(source, target):
    for n in range(len(target)):
        target[n] = source[n]


@njit(error_model="numpy", forceinline=False)
def fill(target, value):
    for n in range(len(target)):
        target[n] = value


@njit(error_model="numpy")
def ends_of(lengths, row, rows, T):
    """How many of the T steps each of `rows` rows from `row` on has; an empty `lengths` stands for all."""
    ends = np.full(rows, T)
    if len(lengths):
        for k in range(rows):
            ends[k] = min(lengths[row + k], T)
    return ends


@njit(error_model="numpy")
def finite(row):
    total = row[0] - row[0]
    for n in range(len(row)):
        total += row[n] - row[n]  # 0, or NaN
    return total == 0


class Plan(NamedTuple):
    tasks: np.ndarray  # where the ranges of lanes begin and end
    span: int  # steps of a span of time
    warm: int  # steps that a span starts early, from rest
    past: bool  # whether results are written past the caches

    def spans(self, steps: int) -> int:
        """Of that many steps; one where there are none."""
        return max(-(-steps // self.span), 1)

    def count(self, steps: int) -> int:
        """Of tasks: each range of lanes by each span of time."""
        return (len(self.tasks) - 1) * self.spans(steps)


def plans(shape: torch.Size, dtype: torch.dtype, decays: tuple[Tensor, ...], cut: bool) -> list[Plan]:
    """How to share out the work; the next one is for when the one before it lost something.

    Lanes go as whole rows, up to LANES in all, or as parts of one, at least one task a thread; a part begins at a
    multiple of four features, which share a draw. Where that leaves little to do side by side, time is cut as well: a
    span starts from rest, as many steps early as it takes for all that came before to vanish. What is not finite does
    not vanish, so then time is not cut. `cut`: whether it may be.
    """
    steps, rows, features = shape
    threads, lanes = torch_threads(), rows * features
    whole = _uncut(steps, rows, features, threads, steps * lanes * dtype.itemsize >= LARGE)
    if lanes == 0 or lanes >= THIN * threads or steps < LONG or not cut:
        return [whole]
    slowest = max(float(decay.detach().max()) for decay in decays if len(decay))
    warm = math.ceil(VANISHED[dtype] / -math.log(slowest)) + 1 if 0 < slowest < 1 else steps
    span = -(-steps // threads)
    return [Plan(np.array([0, lanes]), span, warm, whole.past), whole] if warm < span else [whole]


@lru_cache
def _uncut(steps: int, rows: int, features: int, threads: int, past: bool) -> Plan:
    return Plan(_lane_ranges(rows, features, threads, LANES), max(steps, 1), 0, past)


def _lane_ranges(rows: int, features: int, threads: int, most: int) -> np.ndarray:
    if rows * features == 0:
        return np.zeros(1, np.int64)
    width = min(most, features if rows >= threads else -(-features * rows // threads))
    if width < features:
        width = -(-width // 4) * 4
        parts = np.arange(0, features, width)
        return np.append((np.arange(rows)[:, None] * features + parts).ravel(), rows * features)
    together = max(1, min(most // features, -(-rows // threads)))
    return np.append(np.arange(0, rows, together) * features, rows * features)
