"""Integrate, fire and reset on the GPU: one pass over memory forward, one backward.

A lane is one neuron of one batch row; a program is one warp on a block of lanes and a chunk of time. Without a reset
the state (i, u) is linear in what went before, so where lanes alone do not fill the machine, time is cut into chunks:
every chunk but the last runs on its own from zero and keeps its last state; the states are joined in order by the
transition over a whole chunk of c steps; every chunk runs again, from the right state, and writes.

    forward   (i, u)' = M^c (i, u)      backward   (gi, gu)' = transposed M^c (gi, gu)
    M = ((ii, iu), (ui, uu)) of a coupling, ((α, 0), (gain·α, β)) of two leaks

The power is computed by squaring, in float64, which no α = β and no underflow disturbs. With a reset there is one
chunk.
"""

from collections.abc import Sequence

import torch
import triton
import triton.language as tl
from torch import Tensor

from ..firing._codes import THRESHOLD
from ..scan._triton import BLOCK, FEW, check_lanes, chunk_length, load_four, multiprocessors, on, or_empty, pick
from ._problem import gain
from ._triton_adjoint import backward_kernel
from ._triton_forward import forward_kernel
from ._triton_math import halves, load_decays


@triton.jit(do_not_specialize=["slots", "doublings"])
def join_kernel(
    p_carry, p_decays, slots, doublings, lanes, N, COUPLED: tl.constexpr, BACKWARD: tl.constexpr, BLOCK: tl.constexpr
):  # fmt: skip
    """In place, slot after slot (before slot, BACKWARD), add the transition of the one before; c = 2^doublings."""
    dtype: tl.constexpr = p_decays.dtype.element_ty
    origin = tl.program_id(1).to(tl.int64)
    o_lane = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m_lane = o_lane < lanes
    b_ii, b_iu, _, b_uu, b_ui, b_ux, _ = load_decays(p_decays + o_lane % N, origin + N, m_lane, COUPLED)
    b_ii, b_uu = b_ii.to(tl.float64), b_uu.to(tl.float64)
    if COUPLED:
        b_iu, b_ui = b_iu.to(tl.float64), b_ui.to(tl.float64)
    else:
        b_iu, b_ui = b_ii * 0.0, b_ii * b_ux.to(tl.float64)
    for _ in range(doublings):
        b_sum, b_product = b_ii + b_uu, b_iu * b_ui
        b_ii, b_uu = b_ii * b_ii + b_product, b_uu * b_uu + b_product
        b_iu, b_ui = b_iu * b_sum, b_ui * b_sum
    # `first` drives `second` through ui: i drives u forward, gu drives gi backward. Of a coupling, iu leads back.
    way: tl.constexpr = -1 if BACKWARD else 1
    p_first, p_second = p_carry + o_lane, p_carry + lanes + o_lane
    b_decay_first, b_decay_second = b_ii.to(dtype), b_uu.to(dtype)
    if BACKWARD:
        origin += slots - 1
        p_first, p_second = p_carry + lanes + o_lane, p_carry + o_lane
        b_decay_first, b_decay_second = b_uu.to(dtype), b_ii.to(dtype)
    b_cross, b_back = b_ui.to(dtype), b_iu.to(dtype)
    b_first, b_second = tl.zeros([BLOCK], dtype), tl.zeros([BLOCK], dtype)
    stride = 2 * lanes
    x0, x1, x2, x3 = load_four(p_first, origin, 0, slots, stride, m_lane, dtype, way)
    z0, z1, z2, z3 = load_four(p_second, origin, 0, slots, stride, m_lane, dtype, way)
    for done in range(0, slots, 4):
        slot = origin + way * done
        y0, y1, y2, y3 = load_four(p_first, slot + 4 * way, 0, slots, stride, m_lane, dtype, way)
        v0, v1, v2, v3 = load_four(p_second, slot + 4 * way, 0, slots, stride, m_lane, dtype, way)
        for k in tl.static_range(4):
            b_first_own = pick(x0, x1, x2, x3, k)
            if COUPLED:
                b_first_own += b_back * b_second
            b_second = b_decay_second * b_second + b_cross * b_first + pick(z0, z1, z2, z3, k)
            b_first = b_decay_first * b_first + b_first_own
            m_slot = m_lane & (done + k < slots)
            tl.store(p_first + (slot + way * k) * stride, b_first, mask=m_slot)
            tl.store(p_second + (slot + way * k) * stride, b_second, mask=m_slot)
        x0, x1, x2, x3 = y0, y1, y2, y3
        z0, z1, z2, z3 = v0, v1, v2, v3


def _each(value: Tensor, features: int) -> Tensor:
    """(N,) of one for all; an empty one stays so."""
    return value.expand(features).contiguous() if value.numel() == 1 else value


def _decays(operands: Sequence[Tensor], leaky: int) -> tuple[Tensor, bool, bool]:
    """(coefficients of each feature, of what is computed with, as `load_decays` takes them; whether they are a
    coupling; whether the synapse is a state)."""
    _, decay_syn, decay_mem, coupling, synapse, *_ = operands
    features, coupled, synaptic = synapse.shape[1], coupling.numel() > 0, decay_syn.numel() > 0
    if coupled:
        rows = coupling.expand(len(coupling), features)
    else:
        alpha = decay_syn if synaptic else torch.zeros_like(decay_mem)
        rows = [row.expand(features) for row in (alpha, decay_mem, gain(decay_mem, leaky != 0, decay_mem.dtype))]
        rows = torch.stack(rows)
    return rows.to(synapse.dtype).contiguous(), coupled, coupled or synaptic


def _plan(programs: int, steps: int, reset: int, device: torch.device) -> tuple[int, int]:
    """(steps of a chunk, number of chunks); a reset lets time be cut nowhere."""
    length = 1 << (steps - 1).bit_length() if reset else chunk_length(programs, steps, device)
    return length, triton.cdiv(steps, length)


def _block(lanes: int, reset: int, device: torch.device) -> int:
    """A reset on few lanes spreads them thinly: a lane a thread, over more multiprocessors."""
    return 32 if reset and lanes < BLOCK * FEW * multiprocessors(device) else BLOCK


def _join(carry: Tensor, decays: Tensor, length: int, lanes: int, coupled: bool, backward: bool) -> None:
    sizes = len(carry), length.bit_length() - 1, lanes, decays.shape[1]
    join_kernel[triton.cdiv(lanes, BLOCK), 1](carry, decays, *sizes, coupled, backward, BLOCK, num_warps=1)


def launch_forward(
    operands: Sequence[Tensor], code: list[int], constants: list[float], wanted: Sequence[Tensor]
) -> None:
    """Fill `wanted`: spikes, potentials, synaptic currents, memo, last_synapse, last_potential. Here and below, what is
    absent or not wanted is empty."""
    current, _, _, _, synapse, potential, threshold, seed, step, lengths = operands
    kind, activation, _, reset, _, draws, leaky = code
    if reset and kind not in (0, THRESHOLD):
        raise ValueError("backend: 'triton' has no kernel for a reset after this firing function; use reference")
    steps, lanes, features = len(current), synapse.numel(), synapse.shape[1]
    if lanes == 0:
        return
    decays, coupled, synaptic = _decays(operands, leaky)
    threshold = _each(threshold, features)
    width = triton.cdiv(features, 4) * 4 if draws else features
    check_lanes(len(synapse) * width)
    block = _block(lanes, reset, current.device)
    blocks = triton.cdiv(len(synapse) * width, block)
    length, chunks = _plan(blocks, steps, reset, current.device)
    carry = synapse.new_empty((chunks - 1, 2, lanes))
    keep = [len(tensor) > 0 for tensor in wanted[1:4]]
    arguments = (
        *(current, decays, synapse, potential, threshold, seed, step, lengths, carry, *wanted),
        *sum((halves(value) for value in constants), ()),
        *(steps, length, lanes, features),
    )
    flags = coupled, synaptic, len(lengths) > 0
    with on(current.device):
        if chunks > 1:
            forward_kernel[triton.cdiv(lanes, block), chunks - 1](
                *arguments, features, 0, 0, True, 0, False, *flags, *[False] * 3, True, True, False, block, num_warps=1
            )
            _join(carry, decays, length, lanes, coupled, backward=False)
        forward_kernel[blocks, chunks](
            *arguments,
            width,
            *(kind, activation, constants[0] == 1.0, reset, bool(draws), *flags, *keep),
            *(chunks > 1, False, width != features, block),
            num_warps=1,
        )


def launch_backward(
    grads: Sequence[Tensor],
    operands: Sequence[Tensor],
    code: list[int],
    constants: list[float],
    saved: tuple[Tensor, ...],
    wanted: Sequence[Tensor],
) -> None:
    """Fill `wanted`: the gradients of current, decays, threshold, synapse, potential. saved: potentials, synaptic
    currents, memo."""
    current, _, _, _, synapse, potential, threshold, _, _, lengths = operands
    kind, activation, surrogate, reset, detached, _, leaky = code
    steps, lanes, features = len(wanted[0]), synapse.numel(), synapse.shape[1]
    if lanes == 0:
        return
    decays, coupled, synaptic = _decays(operands, leaky)
    threshold = _each(threshold, features)
    grads = *grads[:2], *(torch.zeros_like(synapse) if len(grad) == 0 else grad for grad in grads[2:])
    block = _block(lanes, reset, synapse.device)
    blocks = triton.cdiv(lanes, block)
    length, chunks = _plan(blocks, steps, reset, synapse.device)
    carry = synapse.new_empty((chunks - 1, 2, lanes))
    filled = learned, counted = len(wanted[1]) > 0, len(wanted[2]) > 0
    totals = wanted[1:3]
    if chunks > 1:
        totals = [synapse.new_empty((chunks, *total.shape)) for total in totals]
    arguments = (
        *(*grads, current, decays, synapse, potential, threshold, lengths, carry),
        *(*saved, wanted[0], *totals, *wanted[3:]),
        *(*halves(constants[0]), steps, length, lanes, features, features),
        *(kind, activation, surrogate, reset, bool(detached)),
        *(coupled, synaptic, len(lengths) > 0, len(grads[1]) > 0, learned, counted),
    )
    with on(synapse.device):
        if chunks > 1:
            backward_kernel[blocks, chunks - 1](*arguments, True, True, block, num_warps=1)
            _join(carry, decays, length, lanes, coupled, backward=True)
        backward_kernel[blocks, chunks](*arguments, chunks > 1, False, block, num_warps=1)
        if chunks > 1:
            for total, parts, is_filled in zip(wanted[1:3], totals, filled, strict=True):
                if is_filled:
                    torch.sum(parts, 0, out=total)


def integrate_and_fire(
    operands: Sequence[Tensor | None], code: list[int], constants: list[float], wanted: Sequence[Tensor | None]
) -> None:
    """Fill `wanted`: spikes, potentials, memo, last_synapse, last_potential; see `_autograd`."""
    synapse = operands[4]
    assert synapse is not None
    spikes, potentials, *others = wanted
    filled = or_empty((spikes, potentials, None, *others), synapse)
    launch_forward(or_empty(operands, synapse), code, constants, filled)


def integrate_and_fire_backward(
    grads: Sequence[Tensor | None],
    operands: Sequence[Tensor | None],
    code: list[int],
    constants: list[float],
    memo: Tensor | None,
    wanted: Sequence[Tensor | None],
) -> None:
    """Fill `wanted`: the gradients of current, decays, threshold, synapse, potential. Where there is a current, what
    goes with it is computed again."""
    current, synapse = operands[0], operands[4]
    assert synapse is not None
    assert wanted[0] is not None
    spikes, *others = grads
    if spikes is None and code[0]:
        spikes = synapse.new_zeros(wanted[0].shape)
    given, results = or_empty(operands, synapse), or_empty(wanted, synapse)
    (kept,) = or_empty((memo,), synapse)
    saved = (kept, kept, kept) if current is None else _again(given, code, constants, wanted[1] is not None)
    launch_backward(or_empty((spikes, *others), synapse), given, code, constants, saved, results)


def _again(
    operands: Sequence[Tensor], code: list[int], constants: list[float], learned: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Potentials and synaptic currents, where decays are `learned`, and the memo, from the current."""
    shape, synapse = operands[0].shape, operands[4]
    fires, none = code[0] != 0, (0, *shape[1:])
    spikes = synapse.new_empty(shape if fires else none, dtype=torch.uint8)  # nobody looks at them
    potentials, synapses = (synapse.new_empty(shape if learned else none) for _ in range(2))
    memo = synapse.new_empty(shape if fires else none)
    last = torch.empty_like(synapse), torch.empty_like(synapse)
    launch_forward(operands, code, constants, (spikes, potentials, synapses, memo, *last))
    return potentials, synapses, memo
