"""MPE-PSN on the CPU: operands for `src/kernels/estimate.cpp`."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..native import operation, threads

PIECE = 1024
"""Features of a task, at most (`plan.h`)."""
NAMES = "x", "carried", "threshold", "seed", "step", "lengths"
GRADS = (*(f"grad_{name}" for name in ("spikes", "potential", "carry", "distance", "x", "carried", "threshold")),)
_forward, _backward = operation("estimate", "Estimate"), operation("estimate_backward", "Estimate")


def _numbers(x: Tensor, carried: Tensor, draws: bool, decay: float, previous: bool) -> tuple[dict[str, float], int]:
    """What every call is told, and how many tasks there will be."""
    steps, rows, features = x.shape
    flags = {"wide": carried.dtype == torch.float64, "previous": previous, "draws": draws, "decay": decay}
    shape = {"steps": steps, "rows": rows, "features": features, "threads": threads()}
    return {**shape, **flags}, rows * -(-features // PIECE)


def estimate_and_fire(operands: Sequence[Any], decay: float, previous: bool, wanted: Sequence[Tensor | None]) -> Tensor:
    """Fill `wanted`: spikes, potential, carry; return the distances (T,)."""
    x = dict(zip(NAMES, operands, strict=True))
    numbers, tasks = _numbers(x["x"], x["carried"], x["seed"] is not None, decay, previous)
    distance = torch.empty((tasks, len(x["x"])), dtype=torch.float64)
    _forward(numbers, **x, **dict(zip(("spikes", "potential", "carry"), wanted, strict=True)), distance=distance)
    return distance.sum(0)


def estimate_and_fire_backward(
    grads: Sequence[Tensor | None],
    operands: Sequence[Any],
    decay: float,
    previous: bool,
    wanted: Sequence[Tensor],
) -> Tensor:
    """Fill `wanted`: the gradients of x and carried; return the threshold's."""
    x = dict(zip(NAMES, operands, strict=True))
    numbers, tasks = _numbers(x["x"], x["carried"], x["seed"] is not None, decay, previous)
    fallen = torch.empty(tasks, dtype=torch.float64)
    _backward(numbers, **x, **dict(zip(GRADS, (*grads, *wanted, fallen), strict=True)))
    return fallen.sum()
