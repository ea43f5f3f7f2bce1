"""MPE-PSN's operator for the fused backends, and its adjoint.

It returns the sums of (û - u)² of each step, so that κ and the mean stay ordinary tensor operations.
"""

import torch
from torch import Tensor

from ..scan._checks import accumulate_dtype, refuse_transforms
from ..scan._operators import Operator
from ..scan._select import lazy, select, storage
from ._estimate import Estimated, loss_terms, step_weights

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
    backend: str,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(spikes, potential, carry, distance (T,)) of x (T, B, N); an unwanted potential and absent lengths are empty.
    Spikes and potential have the dtype of x; the rest that of carried, which is computed with."""
    refuse_transforms(WHAT, x, carried, threshold)
    wanted = _outputs(x, carried, potentials)
    body = select(FORWARD, backend, x, "fused MPE-PSN kernel")
    return (*wanted, body((x, carried, threshold, seed, step, lengths), decay, previous, draws, wanted))


def _forward_fake(x, carried, threshold, seed, step, lengths, decay, previous, draws, potentials, backend):
    return (*_outputs(x, carried, potentials), carried.new_empty(len(x)))


def _outputs(x: Tensor, carried: Tensor, potentials: bool) -> tuple[Tensor, Tensor, Tensor]:
    return (
        torch.empty_like(x),
        x.new_empty((len(x) if potentials else 0, *x.shape[1:])),
        torch.empty_like(carried),
    )


def _adjoint(
    grads: list[Tensor], operands: list[Tensor], decay: float, previous: bool, draws: bool, backend: str
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of x, carried and threshold."""
    wanted = torch.empty_like(operands[0]), torch.empty_like(operands[1])
    body = select(BACKWARD, backend, operands[0], "fused MPE-PSN kernel")
    return (*wanted, body(grads, operands, decay, previous, draws, wanted))


def _adjoint_fake(grads, operands, decay, previous, draws, backend):
    return torch.empty_like(operands[0]), torch.empty_like(operands[1]), torch.empty_like(operands[2])


def _setup(ctx, inputs, output) -> None:
    *operands, ctx.decay, ctx.previous, ctx.draws, _, ctx.backend = inputs
    ctx.save_for_backward(*operands)
    ctx.set_materialize_grads(False)


def _backward(ctx, spikes, potential, carry, distance):
    operands = list(ctx.saved_tensors)
    x, carried = operands[:2]
    grads = [
        torch.zeros_like(x) if spikes is None else spikes.contiguous(),
        x.new_empty((0, *x.shape[1:])) if potential is None or not len(potential) else potential.contiguous(),
        torch.zeros_like(carried) if carry is None else carry.contiguous(),
        carried.new_zeros(len(x)) if distance is None else distance.contiguous(),
    ]
    needed = estimate_backward_op(grads, operands, ctx.decay, ctx.previous, ctx.draws, ctx.backend)
    needed = [grad if need else None for grad, need in zip(needed, ctx.needs_input_grad[:3], strict=True)]
    return (*needed, *[None] * 8)


estimate_op = Operator("estimate_and_fire", _forward, _forward_fake, _setup, _backward)
estimate_backward_op = Operator("estimate_and_fire_backward", _adjoint, _adjoint_fake)


def estimate_and_fire(
    current: Tensor,
    carried: Tensor | None,
    seed: Tensor | None,
    step: Tensor,
    threshold: Tensor,
    kappa: Tensor | None,
    lengths: Tensor | None,
    *,
    decay: float,
    previous: bool,
    potentials: bool,
    backend: str,
) -> Estimated:
    """Same as the reference, through the operator."""
    refuse_transforms(WHAT, current, carried, threshold, kappa)
    dtype, shape = accumulate_dtype(current), current.shape
    rows, neurons = shape[1], shape[2:].numel()
    x = current.to(storage(backend, current.dtype, dtype)).reshape(len(current), rows, neurons).contiguous()
    carried = x.new_zeros((rows, neurons), dtype=dtype) if carried is None else carried
    carried = carried.to(dtype).reshape(rows, neurons).contiguous()
    spikes, potential, carry, distance = estimate_op(
        x,
        carried,
        threshold.to(dtype),
        torch.zeros_like(step) if seed is None else seed,
        step,
        step.new_empty(0) if lengths is None else lengths,
        decay,
        previous,
        seed is not None,
        potentials,
        backend,
    )
    loss = None
    if kappa is not None:
        weight = step_weights(kappa, step, len(x), previous).to(dtype)
        loss = (weight * distance).sum() / loss_terms(kappa, current, lengths, previous)
    return Estimated(
        spikes.view(shape).to(current.dtype),
        potential.view(shape).to(current.dtype) if potentials else None,
        carry.view(shape[1:]),
        loss,
    )
