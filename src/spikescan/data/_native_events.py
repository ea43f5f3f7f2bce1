"""Scaled and shifted events on the CPU: operands for `src/kernels/augment.cpp`."""

import numpy as np

from spikescan.data.augment import Axis, Coordinates
from spikescan.native import operation

REFUSED = {
    1: "an event of no sample",
    2: "an event at a step that its sample does not have",
    3: "an event on a channel that is not there",
}


_targets = operation("targets", "Targets")
_count, _copies = operation("count_copies", "Copies"), operation("copies", "Copies")


def targets(sizes: np.ndarray, factor: np.ndarray, shift: np.ndarray) -> Axis:
    """Same signature as the reference."""
    start = np.append(0, np.cumsum(sizes)).astype(np.int64)
    factor, shift = np.ascontiguousarray(factor, np.float64), np.ascontiguousarray(shift, np.int64)
    axis = Axis(start, *np.empty((2, start[-1]), np.int64))
    _targets({"rows": len(sizes), **_places(factor=factor, shift=shift, **axis._asdict())})
    return axis


def show(events: Coordinates, time: Axis, channels: Axis) -> Coordinates:
    """Same signature as the reference."""
    columns, total = [np.ascontiguousarray(column, np.int64) for column in events], np.zeros(1, np.int64)
    axes = {f"time_{name}": array for name, array in time._asdict().items()}
    axes |= {f"channel_{name}": array for name, array in channels._asdict().items()}
    x = _places(**Coordinates(*columns)._asdict(), **axes, total=total)
    x |= {"events": len(events.step), "rows": len(time.start) - 1}
    if refused := _count(x):
        raise IndexError(REFUSED[refused])
    out = np.empty((3, total[0] + 4), np.int32)
    _copies({**x, **_places(out=out)})
    return Coordinates(*out[:, : total[0]])


def _places(**arrays: np.ndarray) -> dict[str, int]:
    """Where they begin."""
    return {name: array.ctypes.data for name, array in arrays.items()}
