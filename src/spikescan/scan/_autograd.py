"""One operator for all backends, and the adjoint of a scan: the scan reversed.

g[t] = ∂v[t] + a g[t+1]      ∂x = g      ∂a = Σ g[t] v[t-1]      ∂v[-1] = a g[0]

where a and v are complex, with their conjugates.
"""

import torch
from torch import Tensor

from . import _fft, _reference
from ._checks import refuse_transforms
from ._operators import Operator
from ._select import lazy, select

BODIES = {
    "reference": _reference.linear_scan,
    "fft": _fft.linear_scan,
    "native": lazy("spikescan.scan._native", "linear_scan"),
    "triton": lazy("spikescan.scan._triton", "linear_scan"),
}


def _forward(x: Tensor, decay: Tensor, initial: Tensor | None, reverse: bool, backend: str) -> Tensor:
    """x (T, B, N), decay (N,), initial (B, N) or None -> v (T, B, N), in the dtype of x. That of decay and initial is
    computed with; x has it too, or one that the backend converts (`_select.CONVERTING`)."""
    refuse_transforms("linear_scan", x, decay, initial)
    return select(BODIES, backend, x, "linear scan")(x, decay, initial, reverse)


def _fake(x: Tensor, decay: Tensor, initial: Tensor | None, reverse: bool, backend: str) -> Tensor:
    return torch.empty_like(x, memory_format=torch.contiguous_format)


def _setup(ctx, inputs, output) -> None:
    _, decay, initial, ctx.reverse, ctx.backend = inputs
    v = output if ctx.needs_input_grad[1] else None
    ctx.save_for_backward(decay, initial, v)


def _backward(ctx, grad: Tensor):
    decay, initial, v = ctx.saved_tensors
    back = decay.conj().resolve_conj()
    g = scan_op(grad.contiguous(), back, None, not ctx.reverse, ctx.backend)
    first = -1 if ctx.reverse else 0
    grad_decay = grad_initial = None
    if ctx.needs_input_grad[1]:
        start = torch.zeros_like(v[:1]) if initial is None else initial[None]
        before = torch.cat([v[1:], start] if ctx.reverse else [start, v[:-1]])
        grad_decay = (g.to(decay.dtype) * before.conj()).sum((0, 1))
    if ctx.needs_input_grad[2]:
        grad_initial = back * g[first]
    return g, grad_decay, grad_initial, None, None


scan_op = Operator("linear_scan", _forward, _fake, _setup, _backward)
