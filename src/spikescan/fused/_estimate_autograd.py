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
    {backend: lazy(f"spikescan.fused._estimate_{backend}", name) for backend in ("native", "triton")} for name in NAMES
)


def _forward(
    x: Tensor,
    carried: Tensor,
    threshold: Tensor,
    seed: Tensor | None,
    step: Tensor,
    lengths: Tensor | None,
    decay: float,
    previous: bool,
    potentials: bool,
    half: bool,
    backend: str,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """(spikes, potential, carry, distance (T,), rounded x) of x (T, B, N); what is not wanted is empty. Spikes and
    potential have the dtype of x, where the backend can write it; the rest that of carried, which is computed with.
    half: x is rounded to 16 bits, and given back so where it was of more. Without a seed nothing is drawn."""
    refuse_transforms(WHAT, x, carried, threshold)
    results = _results(x, carried, potentials, backend)
    taken = rounded(x) if half else x
    operands = (taken.to(storage(backend, taken.dtype, carried.dtype)), carried, threshold, seed, step, lengths)
    body = select(FORWARD, backend, x, "fused MPE-PSN kernel")
    distance = body(operands, decay, previous, results).to(carried.dtype)
    return *_present(results), distance, x.new_empty(0, dtype=torch.float16) if taken is x else taken


def _forward_fake(x, carried, threshold, seed, step, lengths, decay, previous, potentials, half, backend):
    kept = x.new_empty(x.shape if half and wide(x) else (0,), dtype=torch.float16)
    return *_present(_results(x, carried, potentials, backend)), carried.new_empty(x.shape[0]), kept


def _results(x: Tensor, carried: Tensor, potentials: bool, backend: str) -> tuple[Tensor, Tensor | None, Tensor]:
    dtype = storage(backend, x.dtype, carried.dtype)
    spikes = torch.empty_like(x, dtype=dtype)
    return spikes, torch.empty_like(spikes) if potentials else None, torch.empty_like(carried)


def _present(results: tuple[Tensor, Tensor | None, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    spikes, potential, carry = results
    return spikes, spikes.new_empty(0) if potential is None else potential, carry


def _adjoint(
    grad_spikes: Tensor | None,
    grad_potential: Tensor | None,
    grad_carry: Tensor | None,
    grad_distance: Tensor | None,
    x: Tensor,
    carried: Tensor,
    threshold: Tensor,
    seed: Tensor | None,
    step: Tensor,
    lengths: Tensor | None,
    decay: float,
    previous: bool,
    dtype: torch.dtype,
    backend: str,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of x, of its own dtype, carried and threshold. A gradient that is None is 0."""
    inside = carried.dtype
    results = torch.empty_like(x, dtype=storage(backend, dtype, inside)), torch.empty_like(carried)
    body = select(BACKWARD, backend, x, "fused MPE-PSN kernel")
    grads = grad_spikes, grad_potential, grad_carry, grad_distance
    operands = x.to(storage(backend, x.dtype, inside)), carried, threshold, seed, step, lengths
    fallen = body(grads, operands, decay, previous, results)
    return results[0].to(dtype), results[1], fallen.to(inside)


def _adjoint_fake(*args):
    x, carried, threshold, dtype = *args[4:7], args[-2]
    return torch.empty_like(x, dtype=dtype), torch.empty_like(carried), torch.empty_like(threshold)


def _setup(ctx, inputs, output) -> None:
    x, *operands, ctx.decay, ctx.previous, _, half, ctx.backend = inputs
    ctx.save_for_backward(output[4] if half and wide(x) else x, *operands)
    ctx.dtype = x.dtype
    ctx.set_materialize_grads(False)


def _backward(ctx, spikes, potential, carry, distance, _):
    grads = [None if grad is None else grad.contiguous() for grad in (spikes, potential, carry, distance)]
    options = ctx.decay, ctx.previous, ctx.dtype, ctx.backend
    needed = estimate_backward_op(*grads, *ctx.saved_tensors, *options)
    needed = [grad if need else None for grad, need in zip(needed, ctx.needs_input_grad[:3], strict=True)]
    return (*needed, *[None] * 8)


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
    operands = x, carried, threshold.to(dtype), seed, step, lengths
    spikes, potential, carry, distance, _ = estimate_op(
        *operands, how.decay, how.previous, potentials, how.half, backend
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
