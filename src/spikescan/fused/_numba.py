"""Integrate, fire and reset on the CPU: one pass over memory forward, one backward.

(B, N) is one axis of lanes here. Tasks (`_numba_tasks`) run in parallel. In each, time runs outside, lanes inside, so
that the state and all intermediate rows stay in the second-level cache and each lane loop becomes vector code
(`_numba_forward`, `_numba_adjoint`). These stretches are compiled for each firing function, or surrogate, and dtype, a
task once a dtype.
"""

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
import torch
from numba import from_dtype, types
from numba.core.dispatcher import Dispatcher
from torch import Tensor

from ..firing._codes import THRESHOLD
from ..scan._lanes import plans
from ..scan._parallel import Kinds, address_of
from . import _numba_adjoint, _numba_forward
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


@cache
def _address(stretch: Dispatcher, kinds_of: Callable[..., Kinds], number: type[np.floating], memo: torch.dtype) -> int:
    kept = types.uint16 if memo == torch.uint16 else from_dtype(np.dtype(number))
    return address_of(stretch, kinds_of(from_dtype(np.dtype(number)), kept))


def integrate_and_fire(
    operands: tuple[Tensor, ...], code: list[int], constants: list[float], wanted: tuple[Tensor, ...]
) -> None:
    """Fill `wanted`: spikes, potentials, memo, last_synapse, last_potential; see `_autograd`."""
    current, decay_syn, decay_mem, synapse, potential, threshold, seed, step, lengths = operands
    kind, activation, _, reset, _, draws, leaky = code
    lanes, number, memo = synapse.numel(), _number(current.dtype), _memo_view(wanted[2])
    fire = integration_of(kind, activation, constants[0])
    given = (
        _address(fire, _numba_forward.kinds_of, number, memo.dtype),
        *(kind, activation, reset, bool(draws), bool(leaky)),
        *map(number, constants),
        *_lanes(lanes, current),
        synapse.shape[1],
        *_features(decay_syn, decay_mem),
        *_columns(synapse, potential),
        *_features(threshold),
        *(int(seed), int(step)),
        lengths.numpy(),
        *_lanes(lanes, *wanted[:2], memo),
        *_columns(*wanted[3:]),
    )
    for plan in plans(current.shape, current.dtype, (decay_syn, decay_mem), cut=not reset):
        if not forward(plan.count(len(current)), *given, *plan):
            return


def integrate_and_fire_backward(
    grads: Sequence[Tensor],
    operands: tuple[Tensor, ...],
    code: list[int],
    constants: list[float],
    memo: Tensor,
    wanted: Sequence[Tensor],
) -> None:
    """Fill `wanted`: the gradients of current, alpha, beta, weight, threshold, synapse, potential."""
    current, decay_syn, decay_mem, synapse, potential, threshold, seed, step, lengths = operands
    kind, activation, surrogate, reset, detached, draws, leaky = code
    steps, lanes, number, totals = len(wanted[0]), synapse.numel(), _number(synapse.dtype), wanted[1:5]
    memo, again, answer = _memo_view(memo), current.shape[0] > 0, adjoint_of(kind, surrogate)
    fire = integration_of(kind, activation, constants[0])
    leak = integration_of(0, 0, 1.0) if kind < THRESHOLD else fire  # the state alone; chance has no say in it
    forward = [_address(x, _numba_forward.kinds_of, number, memo.dtype) if again else 0 for x in (leak, fire)]
    head = (
        _address(answer, _numba_adjoint.kinds_of, number, memo.dtype),
        *forward,
        *(kind, activation, reset, bool(detached), bool(draws), bool(leaky)),
        *map(number, constants),
        *_lanes(lanes, *grads[:2]),
        *(_columns(grad)[0] if grad.shape[0] else np.zeros(lanes, number) for grad in grads[2:]),
        _lanes(lanes, current)[0] if again else None,
        synapse.shape[1],
        *_features(decay_syn, decay_mem),
        *_columns(synapse, potential),
        *_features(threshold),
        *((int(seed), int(step)) if again else (0, 0)),
        lengths.numpy(),
        *_lanes(lanes, memo, wanted[0]),
    )
    for plan in plans(wanted[0].shape, wanted[0].dtype, (decay_syn, decay_mem), cut=not reset):
        parts = [np.zeros((plan.spans(steps), lanes if total.shape[0] else 0), number) for total in totals]
        lost = backward(plan.count(steps), *head, *parts, *_columns(*wanted[5:]), *plan)
        for total, part in zip(totals, parts, strict=True):
            if total.shape[0]:
                np.sum(part, 0, out=_columns(total)[0])
        if not lost:
            return
