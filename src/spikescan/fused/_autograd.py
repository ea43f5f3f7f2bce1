"""One operator for all fused backends, and its adjoint. A body fills tensors that are allocated here."""

import torch
from torch import Tensor

from ..scan._checks import needs_gradient, refuse_transforms
from ..scan._operators import Operator
from ..scan._select import lazy, select, storage
from ._problem import RESETS, Dynamics, Operands, Result, check_spike_dtype, gain

# Positions in `wants`, the flags of what the forward pass is to keep.
POTENTIALS, DECAYS, BACKWARD, HALF, ROUNDED = range(5)

WHAT = "integrate_and_fire (LIF, SPSN, LeakyIntegrator)"
NAMES = "integrate_and_fire", "integrate_and_fire_backward"
FORWARD, BACKWARD_BODIES = (
    {backend: lazy(f"spikescan.fused._{backend}", name) for backend in ("numba", "triton")} for name in NAMES
)


def _forward(
    current: Tensor,
    alpha: Tensor,
    beta: Tensor,
    weight: Tensor,
    synapse: Tensor,
    potential: Tensor,
    threshold: Tensor,
    seed: Tensor,
    step: Tensor,
    lengths: Tensor,
    code: list[int],
    constants: list[float],
    wants: list[bool],
    spike_dtype: torch.dtype,
    backend: str,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """(spikes, potentials, synapses, memo, last_synapse, last_potential); what is not wanted is empty, and an operand
    that the neuron lacks is passed as an empty tensor. Shapes: `_problem.Operands`; codes: `_numba.forward`.
    Potentials have the current's dtype, unless they are for the decays' gradients or the backend cannot write it; the
    rest what is computed with. The memo of a rounded current is that current, where it was of more than 16 bits.
    """
    refuse_transforms(WHAT, current, alpha, beta, weight, synapse, potential, threshold)
    wanted = _outputs(current, synapse, code, wants, spike_dtype, backend)
    taken = rounded(current) if wants[ROUNDED] else current
    as_stored = taken.to(storage(backend, taken.dtype, synapse.dtype))
    operands = (as_stored, alpha, beta, weight, synapse, potential, threshold, seed, step, lengths)
    select(FORWARD, backend, current, "fused kernel")(operands, code, constants, wanted)
    return (*wanted[:3], taken, *wanted[4:]) if _kept_rounded(current, wants) else wanted


def _forward_fake(current, alpha, beta, weight, synapse, *rest):
    *_, code, _, wants, spike_dtype, backend = rest
    wanted = _outputs(current, synapse, code, wants, spike_dtype, backend)
    if _kept_rounded(current, wants):
        return (*wanted[:3], torch.empty_like(current, dtype=torch.float16), *wanted[4:])
    return wanted


def rounded(current: Tensor) -> Tensor:
    """In 16 bits, as autocast would hand it over."""
    return current.to(torch.float16) if current.dtype.itemsize > 2 else current


def _kept_rounded(current: Tensor, wants: list[bool]) -> bool:
    return wants[ROUNDED] and wants[BACKWARD] and current.dtype.itemsize > 2


def _outputs(
    current: Tensor, synapse: Tensor, code: list[int], wants: list[bool], spike_dtype: torch.dtype, backend: str
):
    fires, inside = code[0] != 0, synapse.dtype

    def sequence(wanted: bool, dtype: torch.dtype) -> Tensor:
        shape = current.shape if wanted else (0, *current.shape[1:])
        return torch.empty(shape, dtype=dtype, device=current.device)

    return (
        sequence(fires, spike_dtype),
        sequence(
            wants[POTENTIALS] or wants[DECAYS], inside if wants[DECAYS] else storage(backend, current.dtype, inside)
        ),
        sequence(wants[DECAYS], inside),
        sequence(fires and wants[BACKWARD] and not wants[ROUNDED], torch.float16 if wants[HALF] else inside),
        torch.empty_like(synapse),
        torch.empty_like(synapse),
    )


def _adjoint(
    grads: list[Tensor],
    operands: list[Tensor],
    saved: list[Tensor],
    code: list[int],
    constants: list[float],
    learns: bool,
    shape: list[int],
    dtype: torch.dtype,
    backend: str,
) -> list[Tensor]:
    """Gradients of current, alpha, beta, weight, threshold, synapse, potential. learns: whether the threshold's is
    wanted; shape, dtype: the current's."""
    wanted = _gradients(operands, saved, learns, shape, storage(backend, dtype, operands[3].dtype))
    if saved[2].dtype == torch.float16:
        operands = [*operands[:5], _as_kept(operands[5]), operands[6]]
    select(BACKWARD_BODIES, backend, wanted[0], "fused kernel")(grads, operands, code, constants, saved, wanted)
    columns = [total.sum(0) for total in wanted[1:5]]
    return [wanted[0].to(dtype), *columns, *wanted[5:]]


def _as_kept(threshold: Tensor) -> Tensor:
    """The threshold as a memo of 16 bits rounds it. Such a memo keeps f(u) - threshold, and only with the same rounding
    of both is an f(u) of 0 found again: beside it relu's slope is 1."""
    largest = torch.finfo(torch.float16).max
    return threshold.clamp(-largest, largest).to(torch.float16).to(threshold.dtype)


def _adjoint_fake(grads, operands, saved, code, constants, learns, shape, dtype, backend):
    current, *columns = _gradients(operands, saved, learns, shape, dtype)
    return [current, *(total.sum(0) for total in columns[:4]), *columns[4:]]


def _gradients(
    operands: list[Tensor], saved: list[Tensor], learns: bool, shape: list[int], dtype: torch.dtype
) -> list[Tensor]:
    """Those of decays and threshold have a row for each of the batch, and none where they are not wanted."""
    synapse, rows = operands[3], shape[1]
    decays = len(saved[1]) > 0
    totals = [synapse.new_zeros((rows if wanted else 0, shape[2])) for wanted in (decays, decays, decays, learns)]
    return [synapse.new_empty(shape, dtype=dtype), *totals, torch.empty_like(synapse), torch.empty_like(synapse)]


def _setup(ctx, inputs, output) -> None:
    """The decays' gradients ask for every potential and synaptic current. They are not kept: the current is, and the
    forward pass is done again. So it is for a current that is rounded to be kept."""
    current, *operands, ctx.code, ctx.constants, wants, ctx.spike_dtype, ctx.backend = inputs
    _, potentials, synapses, memo, _, _ = output
    ctx.again = any(ctx.needs_input_grad[1:4]) or wants[ROUNDED]
    if ctx.again:
        kept = [memo if _kept_rounded(current, wants) else current]
    else:
        kept = [potentials.new_empty((0, *potentials.shape[1:])), synapses, memo]
    ctx.save_for_backward(*operands, *kept)
    ctx.shape, ctx.dtype = list(current.shape), current.dtype
    ctx.set_materialize_grads(False)


def _kept(ctx, operands: list[Tensor], kept: list[Tensor]) -> list[Tensor]:
    """Potentials, synaptic currents and memo. Where a graph of the backward pass is made, they belong to it, so that
    differentiating it again reaches the error of `backward_op`."""
    if not ctx.again:
        return kept
    wants = [False, any(ctx.needs_input_grad[1:4]), True, False, False]
    return list(fused_op(*kept, *operands, ctx.code, ctx.constants, wants, ctx.spike_dtype, ctx.backend)[1:4])


def _backward(ctx, spikes, potentials, synapses, memo, last_synapse, last_potential):
    saved = list(ctx.saved_tensors)
    kept = _kept(ctx, saved[:9], saved[9:])
    operands = [*saved[:6], saved[8]]
    empty = operands[3].new_empty((0, *operands[3].shape))
    if spikes is None and ctx.code[0] != 0:
        spikes = operands[3].new_zeros(ctx.shape)
    grads = [
        empty if spikes is None else spikes.contiguous(),
        empty if potentials is None else potentials.contiguous(),
        torch.zeros_like(operands[3]) if last_synapse is None else last_synapse.contiguous(),
        torch.zeros_like(operands[3]) if last_potential is None else last_potential.contiguous(),
    ]
    learns = ctx.needs_input_grad[6]
    current, alpha, beta, weight, threshold, synapse, potential = backward_op(
        grads, operands, kept, ctx.code, ctx.constants, learns, ctx.shape, ctx.dtype, ctx.backend
    )
    needed = [current, alpha, beta, weight, synapse, potential, threshold]
    needed = [grad if need else None for grad, need in zip(needed, ctx.needs_input_grad[:7], strict=True)]
    return (*needed, *[None] * 8)


fused_op = Operator("integrate_and_fire", _forward, _forward_fake, _setup, _backward)
backward_op = Operator("integrate_and_fire_backward", _adjoint, _adjoint_fake)


def integrate_and_fire(x: Operands, how: Dynamics, backend: str, potentials: bool, spike_dtype: torch.dtype) -> Result:
    """Same as the reference, through the operator."""
    refuse_transforms(WHAT, *x)
    dtype, kernel = x.potential.dtype, None if how.firing is None else how.firing.kernel
    if how.firing is not None and kernel is None:
        raise ValueError(f"backend: {backend!r} has no kernel for {how.firing}; use auto or reference")
    empty = x.decay_mem.new_empty(0)
    alpha = empty.to(dtype) if x.decay_syn is None else x.decay_syn.to(dtype)
    beta, weight = x.decay_mem.to(dtype), gain(x.decay_mem, how.leaky_gain, dtype)
    threshold = empty.to(dtype) if x.threshold is None else x.threshold
    current = x.current
    differentiable = (current, alpha, beta, weight, x.synapse, x.potential, threshold)
    decays, grads = needs_gradient(alpha, beta, weight), needs_gradient(*differentiable)
    check_spike_dtype(spike_dtype, grads)
    nothing = current.new_zeros((), dtype=torch.int64)
    out = fused_op(
        *differentiable,
        nothing if x.seed is None else x.seed,
        x.step,
        nothing.new_empty(0) if x.lengths is None else x.lengths,
        [
            0 if kernel is None else kernel.kind,
            0 if kernel is None else kernel.activation,
            0 if kernel is None else kernel.surrogate,
            RESETS.index(how.reset),
            int(how.detach_reset),
            int(how.draws),
        ],
        [0.0, 0.0, 0.0] if kernel is None else [kernel.a, kernel.b, kernel.c],
        [potentials, False, grads and (how.rounds or not decays), how.half, how.rounds],
        storage(backend, spike_dtype, dtype),
        backend,
    )
    spikes, all_potentials, _, _, last_synapse, last_potential = out
    return Result(
        spikes if kernel is not None else None,
        all_potentials if potentials else None,
        last_synapse,
        last_potential,
    )
