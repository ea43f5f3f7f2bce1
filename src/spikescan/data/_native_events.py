"""Scaled and shifted events on the CPU: operands for `src/kernels/augment.cpp`."""

from ctypes import c_int64, c_void_p

import numpy as np

from spikescan.data.augment import Axis, Coordinates
from spikescan.native import Operands, operation

REFUSED = {
    1: "an event of no sample",
    2: "an event at a step that its sample does not have",
    3: "an event on a channel that is not there",
}


class Targets(Operands):
    """`struct Targets` of `spikescan.h`, which says what each field is."""

    _fields_ = (("rows", c_int64), *((name, c_void_p) for name in ("factor", "shift", "start", "first", "number")))


class Copies(Operands):
    """`struct Copies`."""

    _fields_ = (
        *((name, c_int64) for name in ("events", "rows")),
        *((name, c_void_p) for name in Coordinates._fields),
        *((f"{axis}_{name}", c_void_p) for axis in ("time", "channel") for name in Axis._fields),
        *((name, c_void_p) for name in ("total", "out")),
    )


_targets, _count, _copies = (
    operation("targets", Targets),
    operation("count_copies", Copies),
    operation("copies", Copies),
)


def targets(sizes: np.ndarray, factor: np.ndarray, shift: np.ndarray) -> Axis:
    """Same signature as the reference."""
    start = np.append(0, np.cumsum(sizes)).astype(np.int64)
    factor, shift = np.ascontiguousarray(factor, np.float64), np.ascontiguousarray(shift, np.int64)
    axis = Axis(start, *np.empty((2, start[-1]), np.int64))
    arrays = factor, shift, *axis
    _targets(Targets(len(sizes), *(array.ctypes.data for array in arrays)))
    return axis


def show(events: Coordinates, time: Axis, channels: Axis) -> Coordinates:
    """Same signature as the reference."""
    columns, total = [np.ascontiguousarray(column, np.int64) for column in events], np.zeros(1, np.int64)
    arrays = *columns, *time, *channels, total
    x = Copies(len(events.step), len(time.start) - 1, *(array.ctypes.data for array in arrays))
    if refused := _count(x):
        raise IndexError(REFUSED[refused])
    out = np.empty((3, total[0] + 4), np.int32)
    x.out = out.ctypes.data
    _copies(x)
    return Coordinates(*out[:, : total[0]])
