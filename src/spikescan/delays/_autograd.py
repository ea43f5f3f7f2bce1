"""Two operators for all backends: a causal filter for each feature, and a shift by whole steps.

∂x[t] = Σ_k taps[k] ∂y[t+k]      ∂taps[k] = Σ_{t,b} ∂y[t] x[t-k]      ∂history is ∂x of the steps before the first
"""

import torch
from torch import Tensor

from ..scan._checks import check_places, refuse_transforms
from ..scan._operators import Operator
from ..scan._select import lazy, resolve, select
from . import _reference

FILTERED, SHIFTED, BACKWARD = (
    {backend: lazy(f"spikescan.delays._{backend}", name) for backend in ("native", "triton")}
    for name in ("filtered", "shifted", "backward")
)


def _filter(x: Tensor, taps: Tensor, history: Tensor | None, lengths: Tensor | None, backend: str) -> Tensor:
    """x (T, B, N), taps (D, N), history (D - 1, B, N) or None, lengths (B,) or None -> y (T, B, N)."""
    return select(FILTERED, backend, x, "delay")(x, taps, history, lengths)


def _filter_fake(x, taps, history, lengths, backend):
    return torch.empty_like(x)


def _adjoint(
    grad: Tensor,
    x: Tensor,
    taps: Tensor,
    history: Tensor | None,
    lengths: Tensor | None,
    wanted: list[int],
    backend: str,
) -> list[Tensor]:
    """Gradients of x, taps and history; one that is not wanted is empty."""
    results = _gradients(grad, x, taps, wanted)
    filled = [result if want else None for result, want in zip(results, wanted, strict=True)]
    select(BACKWARD, backend, x, "delay")(grad, x, taps, history, lengths, filled)
    return results


def _adjoint_fake(grad, x, taps, history, lengths, wanted, backend):
    return _gradients(grad, x, taps, wanted)


def _gradients(grad: Tensor, x: Tensor, taps: Tensor, wanted: list[int]) -> list[Tensor]:
    shapes = x.shape, taps.shape, (len(taps) - 1, *x.shape[1:])
    return [grad.new_empty(shape if want else 0) for shape, want in zip(shapes, wanted, strict=True)]


def _setup(ctx, inputs, output) -> None:
    *operands, ctx.backend = inputs
    ctx.save_for_backward(*operands)


def _backward(ctx, grad: Tensor):
    wanted = [int(need) for need in ctx.needs_input_grad[:3]]
    found = backward_op(grad.contiguous(), *ctx.saved_tensors, wanted, ctx.backend)
    return *(value if want else None for value, want in zip(found, wanted, strict=True)), None, None


def _shift(
    x: Tensor, shift: Tensor, reach: int, history: Tensor | None, lengths: Tensor | None, backend: str
) -> Tensor:
    """x (T, B, N), shift (N,) int64 in 0 to `reach`, history (reach, B, N) or None -> x[t - shift], 0 in padding."""
    check_places(reach + 1, "delay", shift)
    return select(SHIFTED, backend, x, "delay")(x, shift, reach, history, lengths)


def _shift_fake(x, shift, reach, history, lengths, backend):
    return torch.empty_like(x)


def _shift_setup(ctx, inputs, output) -> None:
    _, shift, ctx.reach, history, lengths, ctx.backend = inputs
    ctx.before = 0 if history is None else len(history)
    ctx.save_for_backward(shift, lengths)


def _shift_backward(ctx, grad: Tensor):
    """A shift back is a shift of the time that runs backwards."""
    shift, lengths = ctx.saved_tensors
    grad = _reference.without_padding(grad, lengths)
    grad = torch.cat([grad.new_zeros((ctx.before, *grad.shape[1:])), grad])
    back = shift_op(grad.flip(0), shift, ctx.reach, None, None, ctx.backend).flip(0)
    return back[ctx.before :], None, None, back[: ctx.before] if ctx.before else None, None, None


filter_op = Operator("delay", _filter, _filter_fake, _setup, _backward)
backward_op = Operator("delay_backward", _adjoint, _adjoint_fake)
shift_op = Operator("delay_shift", _shift, _shift_fake, _shift_setup, _shift_backward)


def filtered(x: Tensor, taps: Tensor, history: Tensor | None, lengths: Tensor | None, backend: str) -> Tensor:
    """y[t] = Σ_k taps[k] x[t-k], differentiable in x, taps and history; shapes and padding as in `_reference.py`."""
    name = resolve(backend, x.device, x.dtype)
    if name == "reference":
        return _reference.filtered(x, taps, history, lengths)
    refuse_transforms("AxonalDelay", x, taps, history)
    return filter_op(x.contiguous(), taps.contiguous(), history, lengths, name)


def shifted(x: Tensor, shift: Tensor, history: Tensor | None, lengths: Tensor | None, reach: int, backend: str):
    """y[t] = x[t - shift], differentiable in x and history."""
    name = resolve(backend, x.device, x.dtype)
    if name == "reference":
        check_places(reach + 1, "delay", shift)
        return _reference.shifted(x, shift, reach, history, lengths)
    refuse_transforms("AxonalDelay", x, history)
    return shift_op(x.contiguous(), shift.contiguous(), reach, history, lengths, name)
