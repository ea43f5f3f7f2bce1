"""MPE-PSN on the CPU: operands for `src/kernels/estimate.cpp`."""

from collections.abc import Sequence
from ctypes import c_double, c_int32, c_int64, c_void_p

import torch
from torch import Tensor

from ..native import Operands, operation, pointer, threads

PIECE = 1024
"""Features of a task, at most (`plan.h`)."""


class Estimate(Operands):
    """`struct Estimate` of `spikescan.h`, which says what each field is."""

    _fields_ = (
        *((name, c_int64) for name in ("steps", "rows", "features", "threads")),
        *((name, c_int32) for name in ("wide", "previous", "draws")),
        ("decay", c_double),
        *((name, c_void_p) for name in ("x", "carried", "threshold")),
        *((name, c_int64) for name in ("seed", "step")),
        *((name, c_void_p) for name in ("lengths", "spikes", "potential", "carry", "distance")),
        *((f"grad_{name}", c_void_p) for name in ("spikes", "potential", "carry", "distance")),
        *((f"grad_{name}", c_void_p) for name in ("x", "carried", "threshold")),
    )


_forward, _backward = operation("estimate", Estimate), operation("estimate_backward", Estimate)


def _estimate(operands: Sequence[Tensor | None], decay: float, previous: bool) -> tuple[Estimate, int]:
    """The operands, and how many tasks there will be."""
    x, carried, threshold, seed, step, lengths = operands
    assert x is not None
    assert carried is not None
    assert step is not None
    steps, rows, features = x.shape
    return Estimate(
        steps=steps,
        rows=rows,
        features=features,
        threads=threads(),
        wide=carried.dtype == torch.float64,
        previous=previous,
        draws=seed is not None,
        decay=decay,
        x=pointer(x),
        carried=pointer(carried),
        threshold=pointer(threshold),
        seed=0 if seed is None else int(seed),
        step=int(step),
        lengths=pointer(lengths),
    ), rows * -(-features // PIECE)


def estimate_and_fire(
    operands: Sequence[Tensor | None], decay: float, previous: bool, wanted: Sequence[Tensor | None]
) -> Tensor:
    """Fill `wanted`: spikes, potential, carry; return the distances (T,)."""
    x, tasks = _estimate(operands, decay, previous)
    distance = torch.empty((tasks, x.steps), dtype=torch.float64)
    x.spikes, x.potential, x.carry = map(pointer, wanted)
    x.distance = pointer(distance)
    _forward(x)
    return distance.sum(0)


def estimate_and_fire_backward(
    grads: Sequence[Tensor | None],
    operands: Sequence[Tensor | None],
    decay: float,
    previous: bool,
    wanted: Sequence[Tensor],
) -> Tensor:
    """Fill `wanted`: the gradients of x and carried; return the threshold's."""
    x, tasks = _estimate(operands, decay, previous)
    threshold = torch.empty(tasks, dtype=torch.float64)
    x.grad_spikes, x.grad_potential, x.grad_carry, x.grad_distance = map(pointer, grads)
    x.grad_x, x.grad_carried = map(pointer, wanted)
    x.grad_threshold = pointer(threshold)
    _backward(x)
    return threshold.sum()
