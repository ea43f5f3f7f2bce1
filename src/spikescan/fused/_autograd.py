"""One operator for all fused backends, and its adjoint. A body fills tensors that are allocated here."""

import torch
from torch import Tensor

from ..firing._codes import DELTA
from ..scan._checks import needs_gradient, refuse_transforms
from ..scan._operators import Operator
from ..scan._select import lazy, select, storage
from ._problem import LEAKY, RESETS, Dynamics, Operands, Result, check_spike_dtype

# Positions in `wants`, the flags of what the forward pass is to keep: ints, since a trace takes no list of bools.
POTENTIALS, BACKWARD, HALF, ROUNDED = range(4)

WHAT = "integrate_and_fire (LIF, SPSN, LeakyIntegrator)"
NAMES = "integrate_and_fire", "integrate_and_fire_backward"
FORWARD, BACKWARD_BODIES = (
    {backend: lazy(f"spikescan.fused._{backend}", name) for backend in ("numba", "triton")} for name in NAMES
)


def _forward(
    current: Tensor,
    decay_syn: Tensor,
    decay_mem: Tensor,
    synapse: Tensor,
    potential: Tensor,
    threshold: Tensor,
    seed: Tensor,
    step: Tensor,
    lengths: Tensor,
    code: list[int],
    constants: list[float],
    wants: list[int],
    spike_dtype: torch.dtype,
    backend: str,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """(spikes, potentials, memo, last_synapse, last_potential); what is not wanted is empty, and an operand that the
    neuron lacks is passed as an empty tensor. Shapes: `_problem.Operands`; code: `_problem.CODE`; constants: a, b, c of
    a `KernelCode`. Potentials have the current's dtype, unless the backend cannot write it; the rest what is computed
    with. The memo of a rounded current is that current, where it was of more than 16 bits.
    """
    refuse_transforms(WHAT, current, decay_syn, decay_mem, synapse, potential, threshold)
    wanted = _outputs(current, synapse, code, wants, spike_dtype, backend)
    taken = rounded(current) if wants[ROUNDED] else current
    as_stored = taken.to(storage(backend, taken.dtype, synapse.dtype))
    operands = (as_stored, decay_syn, decay_mem, synapse, potential, threshold, seed, step, lengths)
    select(FORWARD, backend, current, "fused kernel")(operands, code, constants, wanted)
    return (*wanted[:2], taken, *wanted[3:]) if _kept_rounded(current, wants) else wanted


def _forward_fake(current, decay_syn, decay_mem, synapse, *rest):
    *_, code, _, wants, spike_dtype, backend = rest
    wanted = _outputs(current, synapse, code, wants, spike_dtype, backend)
    if _kept_rounded(current, wants):
        return (*wanted[:2], torch.empty_like(current, dtype=torch.float16), *wanted[3:])
    return wanted


def wide(current: Tensor) -> bool:
    """Whether it has more than 16 bits."""
    return current.dtype.itemsize > 2


def rounded(current: Tensor) -> Tensor:
    """In 16 bits, as autocast would hand it over."""
    return current.to(torch.float16) if wide(current) else current


def _kept_rounded(current: Tensor, wants: list[int]) -> bool:
    return bool(wants[ROUNDED] and wants[BACKWARD]) and wide(current)


def _outputs(
    current: Tensor, synapse: Tensor, code: list[int], wants: list[int], spike_dtype: torch.dtype, backend: str
):
    fires, inside = code[0] != 0, synapse.dtype

    def sequence(wanted: bool, dtype: torch.dtype) -> Tensor:
        shape = current.shape if wanted else (0, *current.shape[1:])
        return torch.empty(shape, dtype=dtype, device=current.device)

    return (
        sequence(fires, spike_dtype),
        sequence(bool(wants[POTENTIALS]), storage(backend, current.dtype, inside)),
        sequence(fires and bool(wants[BACKWARD]) and not wants[ROUNDED], torch.float16 if wants[HALF] else inside),
        torch.empty_like(synapse),
        torch.empty_like(synapse),
    )


def _adjoint(
    grads: list[Tensor],
    operands: list[Tensor],
    memo: Tensor,
    code: list[int],
    constants: list[float],
    learned: list[bool],
    shape: list[int],
    dtype: torch.dtype,
    backend: str,
) -> list[Tensor]:
    """Gradients of current, synapse, potential; where they are `learned`, of alpha, beta, weight, and of the threshold.
    grads: of spikes, potentials, last synapse, last potential; an empty one stands for zeros. operands: those of the
    forward pass. Where there is a current, the memo is empty, and a body computes again what it needs; otherwise it
    needs neither seed nor step, and the potential for delta firing alone. shape, dtype: the current's."""
    current, *rest, threshold, seed, step, lengths = operands
    synapse = operands[3]
    wanted = _gradients(synapse, learned, shape, storage(backend, dtype, synapse.dtype))
    if memo.dtype == torch.float16:
        threshold = _as_kept(threshold)
    taken = (current.to(storage(backend, current.dtype, synapse.dtype)), *rest, threshold, seed, step, lengths)
    select(BACKWARD_BODIES, backend, synapse, "fused kernel")(grads, taken, code, constants, memo, wanted)
    return _in_order([wanted[0].to(dtype), *wanted[1:]], learned)


def _as_kept(threshold: Tensor) -> Tensor:
    """The threshold as a memo of 16 bits rounds it. Such a memo keeps f(u) - threshold, and only with the same rounding
    of both is an f(u) of 0 found again: beside it relu's slope is 1."""
    largest = torch.finfo(torch.float16).max
    return threshold.clamp(-largest, largest).to(torch.float16).to(threshold.dtype)


def _adjoint_fake(grads, operands, memo, code, constants, learned, shape, dtype, backend):
    return _in_order(_gradients(operands[3], learned, shape, dtype), learned)


def _gradients(synapse: Tensor, learned: list[bool], shape: list[int], dtype: torch.dtype) -> list[Tensor]:
    """Of current, alpha, beta, weight, threshold, synapse, potential, for a body to fill. Those of decays and threshold
    have a row for each of the batch, and none where they are not wanted."""
    (decays, threshold), nothing = learned, synapse.new_empty((0, shape[2]))
    totals = [synapse.new_zeros(shape[1:]) if wanted else nothing for wanted in (decays, decays, decays, threshold)]
    return [synapse.new_empty(shape, dtype=dtype), *totals, torch.empty_like(synapse), torch.empty_like(synapse)]


def _in_order(wanted: list[Tensor], learned: list[bool]) -> list[Tensor]:
    current, *decays, threshold, synapse, potential = wanted
    totals = (decays if learned[0] else []) + ([threshold] if learned[1] else [])
    return [current, synapse, potential, *(total.sum(0) for total in totals)]


def _setup(ctx, inputs, output) -> None:
    """The decays' gradients ask for every potential and synaptic current. They are not kept: the current is, and the
    backward pass computes them again. So it does from a current that is rounded to be kept, and where the forward pass
    was told, by a graph that was traced, or exported without gradients, that there would be none. What the neuron
    lacks, or the backward pass does not look at, is kept as None."""
    current, *operands, ctx.code, ctx.constants, wants, _, ctx.backend = inputs
    decay_syn, decay_mem, synapse, potential, threshold, seed, step, lengths = operands
    ctx.learned = [any(ctx.needs_input_grad[1:3]), ctx.needs_input_grad[5]]
    ctx.again = ctx.learned[0] or bool(wants[ROUNDED]) or not wants[BACKWARD]
    kept = output[2]
    if ctx.again and not _kept_rounded(current, wants):
        kept = rounded(current) if wants[ROUNDED] else current
    if not ctx.again:
        seed, step, potential = None, None, potential if ctx.code[0] == DELTA else None
    ctx.save_for_backward(
        *(value if value.shape[0] else None for value in (decay_syn, threshold, lengths, kept)),
        *(decay_mem, synapse, potential, seed, step),
    )
    ctx.shape, ctx.dtype = list(current.shape), current.dtype
    ctx.set_materialize_grads(False)


def _saved(ctx) -> tuple[list[Tensor], Tensor]:
    """The operands that `_adjoint` takes, and the memo."""
    decay_syn, threshold, lengths, kept, decay_mem, synapse, potential, seed, step = ctx.saved_tensors
    nothing, none = synapse.new_empty((0, *synapse.shape)), synapse.new_empty(0, dtype=torch.int64)
    current, memo = (kept, nothing) if ctx.again else (nothing, nothing if kept is None else kept)
    operands = [
        current,
        decay_mem.new_empty(0) if decay_syn is None else decay_syn,
        decay_mem,
        synapse,
        synapse if potential is None else potential,
        synapse.new_empty(0) if threshold is None else threshold,
        *(none if value is None else value for value in (seed, step, lengths)),
    ]
    return operands, memo


def _backward(ctx, *grads):
    operands, memo = _saved(ctx)
    _, decay_syn, decay_mem, synapse, _, threshold, *_ = operands
    spikes, potentials, _, last_synapse, last_potential = grads
    if spikes is None and ctx.code[0] != 0:
        spikes = synapse.new_zeros(ctx.shape)
    nothing = synapse.new_empty((0, *synapse.shape))
    grads = [nothing if x is None else x.contiguous() for x in (spikes, potentials, last_synapse, last_potential)]
    options = ctx.code, ctx.constants, ctx.learned, ctx.shape, ctx.dtype, ctx.backend
    current, synapse, potential, *columns = backward_op(grads, operands, memo, *options)
    threshold = columns.pop().sum_to_size(threshold.shape) if ctx.learned[1] else None
    if columns:
        alpha, beta, weight = (column.to(decay_mem.dtype) for column in columns)
        beta = beta - weight if ctx.code[LEAKY] else beta
        decay_mem = beta.sum_to_size(decay_mem.shape)
        decay_syn = alpha.sum_to_size(decay_syn.shape) if ctx.needs_input_grad[1] else None
    found = (current, decay_syn, decay_mem, synapse, potential, threshold)
    return (*(grad if need else None for grad, need in zip(found, ctx.needs_input_grad, strict=False)), *[None] * 8)


fused_op = Operator("integrate_and_fire", _forward, _forward_fake, _setup, _backward)
backward_op = Operator("integrate_and_fire_backward", _adjoint, _adjoint_fake)


def integrate_and_fire(x: Operands, how: Dynamics, backend: str, potentials: bool, spike_dtype: torch.dtype) -> Result:
    """Same as the reference, through the operator."""
    refuse_transforms(WHAT, *x)
    dtype, kernel = x.potential.dtype, None if how.firing is None else how.firing.kernel
    if how.firing is not None and kernel is None:
        raise ValueError(f"backend: {backend!r} has no kernel for {how.firing}; use auto or reference")
    decay_syn = x.decay_mem.new_empty(0) if x.decay_syn is None else x.decay_syn
    threshold = x.potential.new_empty(0) if x.threshold is None else x.threshold
    differentiable = (x.current, decay_syn, x.decay_mem, x.synapse, x.potential, threshold)
    decays, grads = needs_gradient(decay_syn, x.decay_mem), needs_gradient(*differentiable)
    check_spike_dtype(spike_dtype, grads)
    # A trace keeps nothing: it is checked against another one that is made without gradients.
    keeps = grads and (how.rounds or not decays) and not torch.jit.is_tracing()
    out = fused_op(
        *differentiable,
        x.step if x.seed is None else x.seed,
        x.step,
        x.step.new_empty(0) if x.lengths is None else x.lengths,
        [
            0 if kernel is None else kernel.kind,
            0 if kernel is None else kernel.activation,
            0 if kernel is None else kernel.surrogate,
            RESETS[how.reset],
            int(how.detach_reset),
            int(how.draws),
            int(how.leaky_gain),
        ],
        [0.0, 0.0, 0.0] if kernel is None else [kernel.a, kernel.b, kernel.c],
        [int(flag) for flag in (potentials, keeps, how.half, how.rounds)],
        storage(backend, spike_dtype, dtype),
        backend,
    )
    spikes, all_potentials, _, last_synapse, last_potential = out
    return Result(
        spikes if kernel is not None else None,
        all_potentials if potentials else None,
        last_synapse,
        last_potential,
    )
