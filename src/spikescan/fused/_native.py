"""Integrate, fire and reset on the CPU, and draw: operands for `src/kernels`."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..firing._codes import CODE
from ..native import operation, threads
from ..scan._native import backward, forward, leaky
from ._problem import Operands

MARK = 16
"""Steps between two states that the backward pass keeps to compute forward from again (`plan.h`)."""
NUMBERS = *CODE, "a", "b", "c"
GRADS = "grad_spikes", "grad_potentials", "grad_last_synapse", "grad_last_potential"
PARTS = "grad_decays", "grad_threshold"
_uniform = operation("uniform", "Uniform")


def _numbers(x: Operands, code: list[int], constants: list[float], memo: Tensor | None, steps: int) -> dict[str, float]:
    numbers = leaky(steps, x.synapse, x.decay_mem, cut=not code[CODE.index("reset")])
    numbers["each_coupling"] = x.coupling is not None and x.coupling.shape[1] > 1
    numbers.update(zip(NUMBERS, (*code, *constants), strict=True))
    numbers["each_syn"] = x.decay_syn is not None and x.decay_syn.numel() > 1
    numbers["each_threshold"] = x.threshold is not None and x.threshold.numel() > 1
    numbers["half"] = memo is not None and memo.dtype == torch.float16
    return numbers


def integrate_and_fire(
    operands: Sequence[Any], code: list[int], constants: list[float], wanted: Sequence[Tensor | None]
) -> None:
    """Fill `wanted`: spikes, potentials, memo, last_synapse, last_potential; see `_autograd`."""
    x, memo = Operands(*operands), wanted[2]
    results = zip(("spikes", "potentials", "memo", "last_synapse", "last_potential"), wanted, strict=True)
    forward(_numbers(x, code, constants, memo, len(x.current)), **x._asdict(), **dict(results))


def integrate_and_fire_backward(
    grads: Sequence[Tensor | None],
    operands: Sequence[Any],
    code: list[int],
    constants: list[float],
    memo: Tensor | None,
    wanted: Sequence[Any],
) -> None:
    """Fill `wanted`: the gradients of current, decays, threshold, synapse, potential."""
    current, *totals, synapse, potential = wanted
    x, (steps, rows, features) = Operands(*operands), current.shape
    numbers = _numbers(x, code, constants, memo, steps)
    spans = int(numbers["spans"])
    marks = None if x.current is None else synapse.new_empty(spans, -(-steps // MARK), 2, rows, features)
    parts = [None if total is None else total.new_empty(spans, *total.shape) for total in totals]
    arrays = {**x._asdict(), **dict(zip((*GRADS, *PARTS), (*grads, *parts), strict=True))}
    results = {"grad_current": current, "grad_synapse": synapse, "grad_potential": potential}
    backward(numbers, **arrays, memo=memo, marks=marks, **results)
    for total, part in zip(totals, parts, strict=True):
        if total is not None and part is not None:
            torch.sum(part, 0, out=total)


def uniform(seed: Tensor, step: Tensor, steps: int, rows: int, features: int) -> Tensor:
    """The body of `spikescan.random.uniform`."""
    out = torch.empty((steps, rows, features), dtype=torch.float32)
    shape = {"steps": steps, "rows": rows, "features": features, "threads": threads()}
    _uniform(shape, seed=seed, step=step, out=out)
    return out
