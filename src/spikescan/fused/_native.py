"""Integrate, fire and reset on the CPU, and draw: operands for `src/kernels`."""

from collections.abc import Sequence
from ctypes import c_int64, c_void_p

import torch
from torch import Tensor

from ..firing._codes import CODE
from ..native import Operands, operation, pointer, threads
from ..scan._native import Leaky, backward, forward

MARK = 16
"""Steps between two states that the backward pass keeps to compute forward from again (`plan.h`)."""


def _leaky(operands: Sequence[Tensor | None], code: list[int], constants: list[float], steps: int) -> Leaky:
    current, decay_syn, decay_mem, synapse, potential, threshold, seed, step, lengths = operands
    assert decay_mem is not None
    assert synapse is not None
    x = Leaky.of(steps, synapse, decay_mem, cut=not code[CODE.index("reset")])
    for name, value in (*zip(CODE, code, strict=True), *zip("abc", constants, strict=True)):
        setattr(x, name, value)
    x.each_syn = decay_syn is not None and decay_syn.numel() > 1
    x.each_threshold = threshold is not None and threshold.numel() > 1
    x.current, x.decay_syn, x.threshold = pointer(current), pointer(decay_syn), pointer(threshold)
    x.synapse, x.potential, x.lengths = pointer(synapse), pointer(potential), pointer(lengths)
    x.seed, x.step = (0 if value is None else int(value) for value in (seed, step))
    return x


def integrate_and_fire(
    operands: Sequence[Tensor | None], code: list[int], constants: list[float], wanted: Sequence[Tensor | None]
) -> None:
    """Fill `wanted`: spikes, potentials, memo, last_synapse, last_potential; see `_autograd`."""
    spikes, potentials, memo, last_synapse, last_potential = wanted
    assert operands[0] is not None
    x = _leaky(operands, code, constants, len(operands[0]))
    x.half, x.memo = memo is not None and memo.dtype == torch.float16, pointer(memo)
    x.spikes, x.potentials = pointer(spikes), pointer(potentials)
    x.last_synapse, x.last_potential = pointer(last_synapse), pointer(last_potential)
    forward(x)


def integrate_and_fire_backward(
    grads: Sequence[Tensor | None],
    operands: Sequence[Tensor | None],
    code: list[int],
    constants: list[float],
    memo: Tensor | None,
    wanted: Sequence[Tensor | None],
) -> None:
    """Fill `wanted`: the gradients of current, alpha, beta, gain, threshold, synapse, potential."""
    current, *totals, synapse, potential = wanted
    assert current is not None
    assert synapse is not None
    x = _leaky(operands, code, constants, len(current))
    marks = synapse.new_empty(x.spans, -(-x.steps // MARK), 2, x.rows, x.features) if x.current else None
    parts = [None if total is None else total.new_empty(x.spans, *total.shape) for total in totals]
    x.half, x.memo, x.marks = memo is not None and memo.dtype == torch.float16, pointer(memo), pointer(marks)
    x.grad_spikes, x.grad_potentials, x.grad_last_synapse, x.grad_last_potential = map(pointer, grads)
    x.grad_alpha, x.grad_beta, x.grad_gain, x.grad_threshold = map(pointer, parts)
    x.grad_current, x.grad_synapse, x.grad_potential = pointer(current), pointer(synapse), pointer(potential)
    backward(x)
    for total, part in zip(totals, parts, strict=True):
        if total is not None and part is not None:
            torch.sum(part, 0, out=total)


class Uniform(Operands):
    """`struct Uniform` of `spikescan.h`."""

    _fields_ = (
        *((name, c_int64) for name in ("steps", "rows", "features", "threads", "seed", "step")),
        ("out", c_void_p),
    )


_uniform = operation("uniform", Uniform)


def uniform(seed: Tensor, step: Tensor, steps: int, rows: int, features: int) -> Tensor:
    """The body of `spikescan.random.uniform`."""
    out = torch.empty((steps, rows, features), dtype=torch.float32)
    _uniform(Uniform(steps, rows, features, threads(), int(seed), int(step), pointer(out)))
    return out
