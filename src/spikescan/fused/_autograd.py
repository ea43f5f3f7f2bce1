"""One operator for all fused backends, and its adjoint. A body fills tensors that are allocated here."""

import torch
from torch import Tensor

from ..firing._codes import DELTA, LEAKY_GAIN
from ..scan._checks import needs_gradient, refuse_transforms
from ..scan._operators import Operator
from ..scan._select import lazy, select, storage
from ._problem import Dynamics, Operands, Result, check_spike_dtype

# Positions in `wants`, the flags of what the forward pass is to keep: ints, since a trace takes no list of bools.
POTENTIALS, BACKWARD, HALF, ROUNDED = range(4)

WHAT = "integrate_and_fire (LIF, SPSN, LeakyIntegrator)"
NAMES = "integrate_and_fire", "integrate_and_fire_backward"
FORWARD, BACKWARD_BODIES = (
    {backend: lazy(f"spikescan.fused._{backend}", name) for backend in ("native", "triton")} for name in NAMES
)


def _forward(
    current: Tensor,
    decay_syn: Tensor | None,
    decay_mem: Tensor | None,
    coupling: Tensor | None,
    synapse: Tensor,
    potential: Tensor,
    threshold: Tensor | None,
    seed: Tensor | None,
    step: Tensor,
    lengths: Tensor | None,
    code: list[int],
    constants: list[float],
    wants: list[int],
    spike_dtype: torch.dtype,
    backend: str,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """(spikes, potentials, memo, last_synapse, last_potential); what is not wanted is empty, since an operator returns
    tensors. Shapes: `_problem.Operands`; code, constants: `Dynamics`. Potentials have the current's dtype, unless the
    backend cannot write it; the rest the dtype that is computed with. The memo of a rounded current is that current,
    where it was of more than 16 bits.
    """
    refuse_transforms(WHAT, current, decay_syn, decay_mem, coupling, synapse, potential, threshold)
    results = _results(current, synapse, code, wants, spike_dtype, backend)
    taken = rounded(current) if wants[ROUNDED] else current
    as_stored = taken.to(storage(backend, taken.dtype, synapse.dtype))
    operands = (as_stored, decay_syn, decay_mem, coupling, synapse, potential, threshold, seed, step, lengths)
    select(FORWARD, backend, current, "fused kernel")(operands, code, constants, results)
    if _kept_rounded(current, wants):
        results[2] = taken
    return _present(results, synapse)


def _forward_fake(current, decay_syn, decay_mem, coupling, synapse, *rest):
    *_, code, _, wants, spike_dtype, backend = rest
    results = _results(current, synapse, code, wants, spike_dtype, backend)
    if _kept_rounded(current, wants):
        results[2] = torch.empty_like(current, dtype=torch.float16)
    return _present(results, synapse)


def _present(results: list[Tensor | None], synapse: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    first, second, third, fourth, fifth = (synapse.new_empty(0) if x is None else x for x in results)
    return first, second, third, fourth, fifth


def wide(current: Tensor) -> bool:
    """Whether it has more than 16 bits."""
    return current.dtype.itemsize > 2


def rounded(current: Tensor) -> Tensor:
    """In 16 bits, as autocast would hand it over."""
    return current.to(torch.float16) if wide(current) else current


def _kept_rounded(current: Tensor, wants: list[int]) -> bool:
    return bool(wants[ROUNDED] and wants[BACKWARD]) and wide(current)


def _results(
    current: Tensor, synapse: Tensor, code: list[int], wants: list[int], spike_dtype: torch.dtype, backend: str
) -> list[Tensor | None]:
    """What a body is to fill; None is not wanted."""
    fires, inside = code[0] != 0, synapse.dtype
    memo = fires and wants[BACKWARD] and not wants[ROUNDED]
    dtype = storage(backend, current.dtype, inside)
    return [
        torch.empty_like(current, dtype=spike_dtype) if fires else None,
        torch.empty_like(current, dtype=dtype) if wants[POTENTIALS] else None,
        torch.empty_like(current, dtype=torch.float16 if wants[HALF] else inside) if memo else None,
        torch.empty_like(synapse),
        torch.empty_like(synapse),
    ]


def _adjoint(
    grad_spikes: Tensor | None,
    grad_potentials: Tensor | None,
    grad_last_synapse: Tensor | None,
    grad_last_potential: Tensor | None,
    current: Tensor | None,
    decay_syn: Tensor | None,
    decay_mem: Tensor | None,
    coupling: Tensor | None,
    synapse: Tensor,
    potential: Tensor | None,
    threshold: Tensor | None,
    seed: Tensor | None,
    step: Tensor | None,
    lengths: Tensor | None,
    memo: Tensor | None,
    code: list[int],
    constants: list[float],
    learned: list[bool],
    shape: list[int],
    dtype: torch.dtype,
    backend: str,
) -> list[Tensor]:
    """Gradients of current, synapse, potential; where they are `learned`, of (alpha, beta, gain) or the coupling, and
    of the threshold. A gradient that is None is 0. With a current there is no memo, and a body computes again what it
    needs; with a memo it needs neither seed nor step, and the potential for delta firing alone. shape, dtype: the
    current's."""
    inside = synapse.dtype
    results = _gradients(synapse, learned, coupling, shape, storage(backend, dtype, inside))
    if memo is not None and memo.dtype == torch.float16 and threshold is not None:
        threshold = _as_kept(threshold)
    if current is not None:
        current = current.to(storage(backend, current.dtype, inside))
    grads = grad_spikes, grad_potentials, grad_last_synapse, grad_last_potential
    operands = current, decay_syn, decay_mem, coupling, synapse, potential, threshold, seed, step, lengths
    select(BACKWARD_BODIES, backend, synapse, "fused kernel")(grads, operands, code, constants, memo, results)
    return _in_order(results, dtype)


def _as_kept(threshold: Tensor) -> Tensor:
    """The threshold as a memo of 16 bits rounds it. Such a memo keeps f(u) - threshold, and only with the same rounding
    of both is an f(u) of 0 found again: beside it relu's slope is 1."""
    largest = torch.finfo(torch.float16).max
    return threshold.clamp(-largest, largest).to(torch.float16).to(threshold.dtype)


def _adjoint_fake(*args):
    coupling, synapse, (learned, shape, dtype, _) = args[7], args[8], args[-4:]
    return _in_order(_gradients(synapse, learned, coupling, shape, dtype), dtype)


def _gradients(
    synapse: Tensor, learned: list[bool], coupling: Tensor | None, shape: list[int], dtype: torch.dtype
) -> list[Tensor | None]:
    """Of current, decays, threshold, synapse, potential, for a body to fill. Those of decays, (3 or 7, B, N), and of
    the threshold, (B, N), have a row for each of the batch, and are None where they are not wanted."""
    count = 3 if coupling is None else len(coupling)
    decays = synapse.new_zeros((count, *synapse.shape)) if learned[0] else None
    threshold = torch.zeros_like(synapse) if learned[1] else None
    return [
        *(synapse.new_empty(shape, dtype=dtype), decays, threshold),
        *(torch.empty_like(synapse), torch.empty_like(synapse)),
    ]


def _in_order(results: list[Tensor | None], dtype: torch.dtype) -> list[Tensor]:
    current, decays, threshold, synapse, potential = results
    assert current is not None
    assert synapse is not None
    assert potential is not None
    totals = [total.sum(-2) for total in (decays, threshold) if total is not None]
    return [current.to(dtype), synapse, potential, *totals]


def _setup(ctx, inputs, output) -> None:
    """The decays' gradients ask for every potential and synaptic current. They are not kept: the current is, and the
    backward pass computes them again. So it does from a current that is rounded to be kept, and where the forward pass
    was told, by a graph that was traced, or exported without gradients, that there would be none. What the backward
    pass does not look at is not kept."""
    current, *operands, ctx.code, ctx.constants, wants, _, ctx.backend = inputs
    decay_syn, decay_mem, coupling, synapse, potential, threshold, seed, step, lengths = operands
    ctx.learned = [any(ctx.needs_input_grad[1:4]), ctx.needs_input_grad[6]]
    again = ctx.learned[0] or bool(wants[ROUNDED]) or not wants[BACKWARD]
    memo = None if again or ctx.code[0] == 0 else output[2]
    if not again:
        current, seed, step, potential = None, None, None, potential if ctx.code[0] == DELTA else None
    elif wants[ROUNDED]:
        current = output[2] if _kept_rounded(current, wants) else rounded(current)
    kept = current, decay_syn, decay_mem, coupling, synapse, potential, threshold, seed, step, lengths
    ctx.save_for_backward(memo, *kept)
    ctx.shape, ctx.dtype = list(inputs[0].shape), inputs[0].dtype
    ctx.set_materialize_grads(False)


def _backward(ctx, *grads):
    memo, *operands = ctx.saved_tensors
    _, decay_syn, decay_mem, coupling, _, _, threshold, *_ = operands
    spikes, potentials, _, last_synapse, last_potential = grads
    grads = [None if x is None else x.contiguous() for x in (spikes, potentials, last_synapse, last_potential)]
    options = ctx.code, ctx.constants, ctx.learned, ctx.shape, ctx.dtype, ctx.backend
    current, synapse, potential, *totals = backward_op(*grads, *operands, memo, *options)
    threshold = totals.pop().sum_to_size(threshold.shape) if ctx.learned[1] else None
    if totals and coupling is not None:
        coupling = totals[0].to(coupling.dtype).sum_to_size(coupling.shape)
    elif totals:
        alpha, beta, gain = totals[0].to(decay_mem.dtype)
        beta = beta - gain if ctx.code[LEAKY_GAIN] else beta
        decay_mem = beta.sum_to_size(decay_mem.shape)
        decay_syn = alpha.sum_to_size(decay_syn.shape) if ctx.needs_input_grad[1] else None
    found = (current, decay_syn, decay_mem, coupling, synapse, potential, threshold)
    return (*(grad if need else None for grad, need in zip(found, ctx.needs_input_grad, strict=False)), *[None] * 8)


fused_op = Operator("integrate_and_fire", _forward, _forward_fake, _setup, _backward)
backward_op = Operator("integrate_and_fire_backward", _adjoint, _adjoint_fake)


def integrate_and_fire(x: Operands, how: Dynamics, backend: str, potentials: bool, spike_dtype: torch.dtype) -> Result:
    """Same as the reference, through the operator."""
    refuse_transforms(WHAT, *x)
    fires = how.firing is not None
    if how.code is None:
        raise ValueError(f"backend: {backend!r} has no kernel for {how.firing}; use auto or reference")
    decays = needs_gradient(x.decay_syn, x.decay_mem, x.coupling)
    grads = decays or needs_gradient(x.current, x.synapse, x.potential, x.threshold)
    check_spike_dtype(spike_dtype, grads)
    # A trace keeps nothing: it is checked against another one that is made without gradients.
    keeps = grads and (how.rounds or not decays) and not torch.jit.is_tracing()
    flags = [int(flag) for flag in (potentials, keeps, how.half, how.rounds)]
    stored = storage(backend, spike_dtype, x.potential.dtype)
    spikes, all_potentials, _, *last = fused_op(*x, how.code, how.constants, flags, stored, backend)
    return Result(spikes if fires else None, all_potentials if potentials else None, *last)
