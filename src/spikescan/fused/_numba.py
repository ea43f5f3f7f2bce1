"""Integrate, fire and reset on the CPU: one pass over memory forward, one backward.

(B, N) is one axis of lanes here. Tasks (`_numba_tasks`) run in parallel. In each, time runs outside, lanes inside, so
that the state and all intermediate rows stay in the second-level cache and each lane loop becomes vector code
(`_numba_forward`, `_numba_adjoint`). A stretch is compiled for each firing function, or
surrogate, and dtype, a task for each dtype.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
import torch
from torch import Tensor

from ..scan._lanes import plans
from ._numba_adjoint import adjoint_of
from ._numba_forward import integration_of
from ._numba_tasks import backward, forward


@cache
def _nothing(kind: torch.dtype) -> np.ndarray:
    return torch.empty((0, 0), dtype=kind).numpy()


def _lanes(lanes: int, *tensors: Tensor) -> list[np.ndarray]:
    """(T, B, N) as (T, lanes)."""
    return [
        tensor.detach().numpy().reshape(steps, lanes) if (steps := tensor.shape[0]) else _nothing(tensor.dtype)
        for tensor in tensors
    ]


def _columns(*tensors: Tensor) -> list[np.ndarray]:
    """(B, N) as (lanes,)."""
    return [tensor.detach().numpy().ravel() for tensor in tensors]


def _features(*tensors: Tensor) -> list[np.ndarray]:
    return [tensor.detach().numpy() for tensor in tensors]


def _memo_view(memo: Tensor) -> Tensor:
    return memo.view(torch.uint16) if memo.dtype == torch.float16 else memo


def _number(kind: torch.dtype) -> type[np.floating]:
    return np.float64 if kind == torch.float64 else np.float32


def integrate_and_fire(
    operands: tuple[Tensor, ...], code: list[int], constants: list[float], wanted: tuple[Tensor, ...]
) -> None:
    """Fill `wanted`: spikes, potentials, synapses, memo, last_synapse, last_potential; see `_autograd`."""
    current, decay_syn, decay_mem, synapse, potential, threshold, seed, step, lengths = operands
    lanes, number = synapse.numel(), _number(current.dtype)
    stretch = integration_of(code[0], code[1], constants[0])
    given = (
        *_lanes(lanes, current),
        synapse.shape[1],
        *_features(decay_syn, decay_mem),
        *_columns(synapse, potential),
        *_features(threshold),
        int(seed),
        int(step),
        lengths.numpy(),
        *_lanes(lanes, *wanted[:3], _memo_view(wanted[3])),
        *_columns(*wanted[4:]),
    )
    for plan in plans(current.shape, current.dtype, (decay_syn, decay_mem), cut=not code[3]):
        if not forward(stretch, len(current), given, tuple(code), tuple(map(number, constants)), plan):
            return


def integrate_and_fire_backward(
    grads: Sequence[Tensor],
    operands: tuple[Tensor, ...],
    code: list[int],
    constants: list[float],
    saved: Sequence[Tensor],
    wanted: Sequence[Tensor],
) -> None:
    """Fill `wanted`: the gradients of current, alpha, beta, weight, threshold, synapse, potential."""
    decay_syn, decay_mem, synapse, potential, threshold, lengths = operands
    potentials, synapses, memo = saved
    steps, lanes, number, totals = len(wanted[0]), synapse.numel(), _number(synapse.dtype), wanted[1:5]
    stretch = adjoint_of(code[0], code[2])
    last = [_columns(grad)[0] if grad.shape[0] else np.zeros(lanes, number) for grad in grads[2:]]
    for plan in plans(wanted[0].shape, wanted[0].dtype, (decay_syn, decay_mem), cut=not code[3]):
        spans = max(-(-steps // plan.span), 1)
        parts = [np.zeros((spans, lanes if total.shape[0] else 0), number) for total in totals]
        given = (
            *_lanes(lanes, *grads[:2]),
            *last,
            synapse.shape[1],
            *_features(decay_syn, decay_mem),
            *_columns(synapse, potential),
            *_features(threshold),
            lengths.numpy(),
            *_lanes(lanes, potentials, synapses, _memo_view(memo), wanted[0]),
            *parts,
            *_columns(*wanted[5:]),
        )
        lost = backward(stretch, steps, given, tuple(code), tuple(map(number, constants)), plan)
        for total, part in zip(totals, parts, strict=True):
            if total.shape[0]:
                np.sum(part, 0, out=_columns(total)[0])
        if not lost:
            return
