"""MPE-PSN's operator for the fused backends, and its adjoint.

It returns the sums of (û - u)² of each step, so that κ and the mean stay ordinary tensor operations.
"""

import torch
from torch import Tensor

from ..scan._checks import accumulate_dtype, refuse_transforms
from ..scan._operators import Operator
from ..scan._select import lazy, select, storage
from ._autograd import rounded, wide
from ._estimate import Estimated, Estimation, Inputs, loss_terms, step_weights

WHAT = "estimate_and_fire (MPEPSN)"
NAMES = "estimate_and_fire", "estimate_and_fire_backward"
FORWARD, BACKWARD = (
    {backend: lazy(f"spikescan.fused._estimate_{backend}", name) for backend in ("numba", "triton")} for name in NAMES
)


def _forward(
    x: Tensor,
    carried: Tensor,
    threshold: Tensor,
    seed: Tensor,
    step: Tensor,
    lengths: Tensor,
    decay: float,
    previous: bool,
    draws: bool,
    potentials: bool,
    half: bool,
    backend: str,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """(spikes, potential, carry, distance (T,), rounded x) of x (T, B, N); what is not wanted, and absent lengths, are
    empty. Spikes and potential have the dtype of x, where the backend can write it; the rest that of carried, which is
    computed with. half: x is rounded to 16 bits, and given back so where it was of more."""
    refuse_transforms(WHAT, x, carried, threshold)
    wanted = _outputs(x, carried, potentials, backend)
    taken = rounded(x) if half else x
    operands = (taken.to(storage(backend, taken.dtype, carried.dtype)), carried, threshold, seed, step, lengths)
    body = select(FORWARD, backend, x, "fused MPE-PSN kernel")
    distance = body(operands, decay, previous, draws, wanted)
    return *wanted, distance, x.new_empty(0, dtype=torch.float16) if taken is x else taken


def _forward_fake(x, carried, threshold, seed, step, lengths, decay, previous, draws, potentials, half, backend):
    kept = x.shape if half and wide(x) else (0,)
    kept = x.new_empty(kept, dtype=torch.float16)
    return *_outputs(x, carried, potentials, backend), carried.new_empty(x.shape[0]), kept


def _outputs(x: Tensor, carried: Tensor, potentials: bool, backend: str) -> tuple[Tensor, Tensor, Tensor]:
    dtype = storage(backend, x.dtype, carried.dtype)
    return (
        torch.empty_like(x, dtype=dtype),
        x.new_empty((x.shape[0] if potentials else 0, *x.shape[1:]), dtype=dtype),
        torch.empty_like(carried),
    )


def _adjoint(
    grads: list[Tensor],
    operands: list[Tensor],
    decay: float,
    previous: bool,
    draws: bool,
    dtype: torch.dtype,
    backend: str,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of x, of its own dtype, carried and threshold."""
    x, carried, *others = operands
    inside = carried.dtype
    wanted = torch.empty_like(x, dtype=storage(backend, dtype, inside)), torch.empty_like(carried)
    body = select(BACKWARD, backend, x, "fused MPE-PSN kernel")
    operands = [x.to(storage(backend, x.dtype, inside)), carried, *others]
    threshold = body(grads, operands, decay, previous, draws, wanted)
    return wanted[0].to(dtype), wanted[1], threshold


def _adjoint_fake(grads, operands, decay, previous, draws, dtype, backend):
    x, carried, threshold, *_ = operands
    return torch.empty_like(x, dtype=dtype), torch.empty_like(carried), torch.empty_like(threshold)


def _setup(ctx, inputs, output) -> None:
    x, *operands, ctx.decay, ctx.previous, ctx.draws, _, half, ctx.backend = inputs
    ctx.save_for_backward(output[4] if half and wide(x) else x, *operands)
    ctx.dtype = x.dtype
    ctx.set_materialize_grads(False)


def _backward(ctx, spikes, potential, carry, distance, _):
    operands = list(ctx.saved_tensors)
    x, carried = operands[:2]
    grads = [
        carried.new_zeros(x.shape) if spikes is None else spikes.contiguous(),
        carried.new_empty((0, *x.shape[1:])) if potential is None or not potential.shape[0] else potential.contiguous(),
        torch.zeros_like(carried) if carry is None else carry.contiguous(),
        carried.new_zeros(x.shape[0]) if distance is None else distance.contiguous(),
    ]
    needed = estimate_backward_op(grads, operands, ctx.decay, ctx.previous, ctx.draws, ctx.dtype, ctx.backend)
    needed = [grad if need else None for grad, need in zip(needed, ctx.needs_input_grad[:3], strict=True)]
    return (*needed, *[None] * 9)


estimate_op = Operator("estimate_and_fire", _forward, _forward_fake, _setup, _backward)
estimate_backward_op = Operator("estimate_and_fire_backward", _adjoint, _adjoint_fake)


def estimate_and_fire(inputs: Inputs, how: Estimation, backend: str, potentials: bool) -> Estimated:
    """Same as the reference, through the operator."""
    current, carried, seed, step, threshold, kappa, lengths = inputs
    refuse_transforms(WHAT, current, carried, threshold, kappa)
    dtype, shape = accumulate_dtype(current), current.shape
    rows, neurons = shape[1], shape[2:].numel()
    x = current.reshape(current.shape[0], rows, neurons).contiguous()
    carried = x.new_zeros((rows, neurons), dtype=dtype) if carried is None else carried
    carried = carried.to(dtype).reshape(rows, neurons).contiguous()
    spikes, potential, carry, distance, _ = estimate_op(
        x,
        carried,
        threshold.to(dtype),
        torch.zeros_like(step) if seed is None else seed,
        step,
        step.new_empty(0) if lengths is None else lengths,
        how.decay,
        how.previous,
        seed is not None,
        potentials,
        how.half,
        backend,
    )
    loss = None
    if kappa is not None:
        weight = step_weights(kappa, step, x.shape[0], how.previous).to(dtype)
        loss = (weight * distance).sum() / loss_terms(kappa, current, lengths, how.previous)
    return Estimated(
        spikes.view(shape).to(current.dtype),
        potential.view(shape).to(current.dtype) if potentials else None,
        carry.view(shape[1:]),
        loss,
    )
