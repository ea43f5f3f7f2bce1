"""Integrate, fire and reset on the GPU: one pass over memory forward, one backward.

A lane is one neuron of one batch row; a program is one warp on a block of lanes and a chunk of time. Without a reset
the state (i, u) is linear in what went before, so where lanes alone do not fill the machine, time is cut into chunks:
every chunk but the last runs on its own from zero and keeps its last state; the states are joined in order by the
transition over a whole chunk; every chunk runs again, from the right state, and writes. The transition is triangular,

    forward   i' = α^c i,  u' = β^c u + X i        backward   gu' = β^c gu,  gi' = α^c gi + X gu
    X = gain·α·Σ_k α^(c-1-k) β^k

and the sum is had by doubling, S_2c = S_c (α^c + β^c), which no α = β and no underflow disturbs. With a reset there
is one chunk.
"""

from collections.abc import Sequence

import torch
import triton
import triton.language as tl
from torch import Tensor

from ..scan._triton import BLOCK, FEW, check_lanes, chunk_length, load_four, multiprocessors, on, pick
from ._problem import gain
from ._triton_math import (
    BERNOULLI,
    DELTA,
    ESCAPE,
    THRESHOLD,
    activate,
    activation_slope,
    draw,
    fire,
    halves,
    load_lengths,
    locate,
    narrow,
    quads,
    surrogate_slope,
)

HARD, SOFT = tl.constexpr(1), tl.constexpr(2)


@triton.jit(do_not_specialize=["T", "length"])
def forward_kernel(
    p_current,
    p_alpha,
    p_beta,
    p_weight,
    p_synapse,
    p_potential,
    p_threshold,
    p_seed,
    p_step,
    p_lengths,
    p_carry,
    p_spikes,
    p_potentials,
    p_synapses,
    p_memo,
    p_last_synapse,
    p_last_potential,
    a,
    a_low,
    b,
    b_low,
    c,
    c_low,
    T,
    length,
    lanes,
    N,
    width,
    KIND: tl.constexpr,
    ACTIVATION: tl.constexpr,
    UNIT: tl.constexpr,
    RESET: tl.constexpr,
    DRAWS: tl.constexpr,
    HAS_SYNAPSE: tl.constexpr,
    HAS_LENGTHS: tl.constexpr,
    KEEP_POTENTIALS: tl.constexpr,
    KEEP_SYNAPSES: tl.constexpr,
    KEEP_MEMO: tl.constexpr,
    CHUNKED: tl.constexpr,
    CARRY: tl.constexpr,
    PADDED: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """One chunk of one block of lanes. CARRY: keep the chunk's last state only, in `p_carry` (chunk, i or u, lane)."""
    dtype: tl.constexpr = p_synapse.dtype.element_ty
    o_lane, o_row, o_feature, m_lane = locate(lanes, N, width, PADDED, BLOCK)
    i_chunk = tl.program_id(1).to(tl.int64)
    begin = i_chunk * length
    end = tl.minimum(begin + length, T)
    b_steps = load_lengths(p_lengths, o_row, m_lane, T, HAS_LENGTHS)

    b_beta = tl.load(p_beta + o_feature, mask=m_lane, other=0.0)
    b_weight = tl.load(p_weight + o_feature, mask=m_lane, other=0.0)
    b_alpha = b_beta
    if HAS_SYNAPSE:
        b_alpha = tl.load(p_alpha + o_feature, mask=m_lane, other=0.0)
    b_threshold = b_beta
    if KIND >= THRESHOLD:
        b_threshold = tl.load(p_threshold + o_feature, mask=m_lane, other=0.0)
    # Two halves (see `halves`) make a float64 of a constant.
    zero = tl.zeros([BLOCK], dtype)
    b_a, b_b, b_c = zero + a + a_low, zero + b + b_low, zero + c + c_low
    seed, step = i_chunk, i_chunk
    o_group, o_group_row = o_lane, o_row
    if DRAWS:
        seed, step = tl.load(p_seed), tl.load(p_step)
        o_group, o_group_row = quads(width, BLOCK)

    m_first = m_lane & (i_chunk == 0)
    b_i = tl.load(p_synapse + o_lane, mask=m_first, other=0.0)
    b_u = tl.load(p_potential + o_lane, mask=m_first, other=0.0)
    if CHUNKED and not CARRY:
        p_before = p_carry + (i_chunk - 1) * 2 * lanes + o_lane
        b_i += tl.load(p_before, mask=m_lane & (i_chunk > 0), other=0.0)
        b_u += tl.load(p_before + lanes, mask=m_lane & (i_chunk > 0), other=0.0)

    p_x = p_current + o_lane
    x0, x1, x2, x3 = load_four(p_x, begin, begin, end, lanes, m_lane, dtype, 1)
    for t0 in range(begin, end, 4):
        y0, y1, y2, y3 = load_four(p_x, t0 + 4, begin, end, lanes, m_lane, dtype, 1)
        for k in tl.static_range(4):
            t = t0 + k
            o_row_of_t = t * lanes
            m_store = m_lane & (t < end)
            m_valid = m_store & (t < b_steps)
            b_x = pick(x0, x1, x2, x3, k)
            b_i_new = b_x
            if HAS_SYNAPSE:
                b_i_new = b_alpha * b_i + b_x
            b_w = b_beta * b_u + b_weight * b_i_new
            b_u_new = b_w
            if KIND != 0:
                b_r = zero + 0.5
                if DRAWS:
                    b_r = draw(o_group, o_group_row, step + t, seed).to(dtype)
                b_s, b_memo = fire(b_w, b_u, b_r, b_threshold, b_a, b_b, b_c, KIND, ACTIVATION, UNIT)
                if RESET == HARD:
                    b_u_new = b_w * (1.0 - b_s)
                if RESET == SOFT:
                    b_u_new = b_w - b_threshold * b_s
                if HAS_LENGTHS:
                    b_s, b_memo = tl.where(m_valid, b_s, 0.0), tl.where(m_valid, b_memo, 0.0)
                p_s = p_spikes + o_row_of_t + o_lane
                tl.store(p_s, b_s.to(p_spikes.dtype.element_ty), mask=m_store)
                if KEEP_MEMO:
                    p_m = p_memo + o_row_of_t + o_lane
                    tl.store(p_m, narrow(b_memo, p_memo.dtype.element_ty), mask=m_store)
            if KEEP_POTENTIALS:
                p_u = p_potentials + o_row_of_t + o_lane
                b_out = tl.where(m_valid, b_u_new, 0.0)
                tl.store(p_u, b_out.to(p_potentials.dtype.element_ty), mask=m_store)
            if KEEP_SYNAPSES:
                p_i = p_synapses + o_row_of_t + o_lane
                b_out = tl.where(m_valid, b_i_new, 0.0)
                tl.store(p_i, b_out.to(p_synapses.dtype.element_ty), mask=m_store)
            b_i, b_u = tl.where(m_valid, b_i_new, b_i), tl.where(m_valid, b_u_new, b_u)
        x0, x1, x2, x3 = y0, y1, y2, y3

    if CARRY:
        p_after = p_carry + i_chunk * 2 * lanes + o_lane
        tl.store(p_after, b_i, mask=m_lane)
        tl.store(p_after + lanes, b_u, mask=m_lane)
    else:
        m_last = m_lane & (tl.maximum(b_steps - 1, 0) // length == i_chunk)
        tl.store(p_last_synapse + o_lane, b_i, mask=m_last)
        tl.store(p_last_potential + o_lane, b_u, mask=m_last)


@triton.jit(do_not_specialize=["T", "length"])
def backward_kernel(
    p_grad_spikes,
    p_grad_potentials,
    p_grad_last_synapse,
    p_grad_last_potential,
    p_alpha,
    p_beta,
    p_weight,
    p_synapse,
    p_potential,
    p_threshold,
    p_lengths,
    p_carry,
    p_potentials,
    p_synapses,
    p_memo,
    p_grad_current,
    p_grad_alpha,
    p_grad_beta,
    p_grad_weight,
    p_grad_threshold,
    p_grad_synapse,
    p_grad_potential,
    a,
    a_low,
    T,
    length,
    lanes,
    N,
    width,
    KIND: tl.constexpr,
    ACTIVATION: tl.constexpr,
    SURROGATE: tl.constexpr,
    RESET: tl.constexpr,
    DETACHED: tl.constexpr,
    HAS_SYNAPSE: tl.constexpr,
    HAS_LENGTHS: tl.constexpr,
    HAS_GRAD_POTENTIALS: tl.constexpr,
    LEARNED: tl.constexpr,
    COUNTED: tl.constexpr,
    CHUNKED: tl.constexpr,
    CARRY: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """The adjoint, time reversed. Chunk c starts from slot c of `p_carry` (slot, gi or gu, lane), which chunk c + 1
    fills under CARRY. The gradients of alpha, beta, weight and threshold are (chunk, lane), summed by the launcher."""
    dtype: tl.constexpr = p_grad_synapse.dtype.element_ty
    o_lane, o_row, o_feature, m_lane = locate(lanes, N, width, False, BLOCK)
    i_chunk = tl.program_id(1).to(tl.int64)
    if CARRY:
        i_chunk += 1
    begin = i_chunk * length
    end = tl.minimum(begin + length, T)
    b_steps = load_lengths(p_lengths, o_row, m_lane, T, HAS_LENGTHS)

    b_beta = tl.load(p_beta + o_feature, mask=m_lane, other=0.0)
    b_weight = tl.load(p_weight + o_feature, mask=m_lane, other=0.0)
    b_alpha = tl.zeros([BLOCK], dtype)
    if HAS_SYNAPSE:
        b_alpha = tl.load(p_alpha + o_feature, mask=m_lane, other=0.0)
    b_threshold = b_beta
    if KIND >= THRESHOLD:
        b_threshold = tl.load(p_threshold + o_feature, mask=m_lane, other=0.0)
    b_a = tl.zeros([BLOCK], dtype) + a + a_low
    b_u_initial = b_beta
    if LEARNED or KIND == DELTA:
        b_u_initial = tl.load(p_potential + o_lane, mask=m_lane, other=0.0)
    b_f_initial = b_u_initial
    if KIND == DELTA:
        b_f_initial = activate(b_u_initial, ACTIVATION)

    b_start = tl.maximum(b_steps - 1, 0) // length  # the chunk of the lane's last step
    b_gi = tl.load(p_grad_last_synapse + o_lane, mask=m_lane & (b_start == i_chunk), other=0.0)
    b_gu = tl.load(p_grad_last_potential + o_lane, mask=m_lane & (b_start == i_chunk), other=0.0)
    if CHUNKED and not CARRY:
        p_before = p_carry + i_chunk * 2 * lanes + o_lane
        m_before = m_lane & (i_chunk < b_start)
        b_gi += tl.load(p_before, mask=m_before, other=0.0)
        b_gu += tl.load(p_before + lanes, mask=m_before, other=0.0)
    b_g_alpha, b_g_beta = tl.zeros([BLOCK], dtype), tl.zeros([BLOCK], dtype)
    b_g_weight, b_g_threshold = tl.zeros([BLOCK], dtype), tl.zeros([BLOCK], dtype)

    p_gs, p_m, p_gp = p_grad_spikes + o_lane, p_memo + o_lane, p_grad_potentials + o_lane
    b_p_next = tl.zeros([BLOCK], dtype)
    memo_begin = begin
    if KIND == DELTA:
        # Step t of DELTA looks at f(u[t-1]), also across the chunk's edge.
        memo_begin = begin * 0
        m_next = m_lane & (end < b_steps)
        b_f_next = tl.load(p_m + end * lanes, mask=m_next, other=0.0).to(dtype)
        b_f_last = tl.load(p_m + (end - 1) * lanes, mask=m_next, other=0.0).to(dtype)
        b_gs_next = tl.load(p_gs + end * lanes, mask=m_next, other=0.0).to(dtype)
        b_p_next = b_gs_next * surrogate_slope(b_f_next - b_f_last - b_threshold, b_a, SURROGATE)

    s0, s1, s2, s3 = b_gi, b_gi, b_gi, b_gi
    m0, m1, m2, m3 = b_gi, b_gi, b_gi, b_gi
    g0, g1, g2, g3 = b_gi, b_gi, b_gi, b_gi
    if KIND != 0:
        s0, s1, s2, s3 = load_four(p_gs, end - 1, begin, end, lanes, m_lane, dtype, -1)
        m0, m1, m2, m3 = load_four(p_m, end - 1, memo_begin, end, lanes, m_lane, dtype, -1)
    if HAS_GRAD_POTENTIALS:
        g0, g1, g2, g3 = load_four(p_gp, end - 1, begin, end, lanes, m_lane, dtype, -1)
    for back in range(begin, end, 4):
        t0 = end - 1 - (back - begin)
        q0, q1, q2, q3 = s0, s1, s2, s3
        n0, n1, n2, n3 = m0, m1, m2, m3
        h0, h1, h2, h3 = g0, g1, g2, g3
        if KIND != 0:
            q0, q1, q2, q3 = load_four(p_gs, t0 - 4, begin, end, lanes, m_lane, dtype, -1)
            n0, n1, n2, n3 = load_four(p_m, t0 - 4, memo_begin, end, lanes, m_lane, dtype, -1)
        if HAS_GRAD_POTENTIALS:
            h0, h1, h2, h3 = load_four(p_gp, t0 - 4, begin, end, lanes, m_lane, dtype, -1)
        for k in tl.static_range(4):
            t = t0 - k
            m_store = m_lane & (t >= begin)
            m_valid = m_store & (t < b_steps)
            b_gs, b_m = pick(s0, s1, s2, s3, k), pick(m0, m1, m2, m3, k)
            b_gu_here = b_gu
            if HAS_GRAD_POTENTIALS:
                b_gu_here = b_gu + pick(g0, g1, g2, g3, k)
            b_gw = b_gu_here
            if KIND >= BERNOULLI and KIND <= ESCAPE:
                b_gw = b_gu_here + b_gs * b_m
            if KIND == THRESHOLD:
                b_f = b_m + b_threshold
                b_p = b_gs
                if RESET == HARD:
                    b_gw = tl.where(b_m <= 0.0, b_gu_here, 0.0)
                    if not DETACHED:
                        b_p -= b_gu_here * b_f
                if RESET == SOFT:
                    if not DETACHED:
                        b_p -= b_gu_here * b_threshold
                    if COUNTED:
                        b_g_threshold -= tl.where(m_valid & (b_m > 0.0), b_gu_here, 0.0)
                b_p *= surrogate_slope(b_m, b_a, SURROGATE)
                if COUNTED:
                    b_g_threshold -= tl.where(m_valid, b_p, 0.0)
                b_gw += b_p * activation_slope(b_f, ACTIVATION)
            if KIND == DELTA:
                b_f_before = tl.where(t > 0, pick(m1, m2, m3, n0, k), b_f_initial)
                b_p = b_gs * surrogate_slope(b_m - b_f_before - b_threshold, b_a, SURROGATE)
                b_gw = b_gu_here + (b_p - b_p_next) * activation_slope(b_m, ACTIVATION)
                if COUNTED:
                    b_g_threshold -= tl.where(m_valid, b_p, 0.0)
                b_p_next = tl.where(m_valid, b_p, b_p_next)
            b_gx = b_gi + b_weight * b_gw
            if not CARRY:
                b_out = tl.where(m_valid, b_gx, 0.0)
                p_out = p_grad_current + t * lanes + o_lane
                tl.store(p_out, b_out.to(p_grad_current.dtype.element_ty), mask=m_store)
            if LEARNED and not CARRY:
                o_now, o_before = t * lanes + o_lane, (t - 1) * lanes + o_lane
                m_before = m_valid & (t > 0)
                b_u_kept = tl.load(p_potentials + o_before, mask=m_before, other=0.0).to(dtype)
                b_g_beta += tl.where(m_valid, b_gw * tl.where(t > 0, b_u_kept, b_u_initial), 0.0)
                b_i_now = tl.load(p_synapses + o_now, mask=m_valid, other=0.0).to(dtype)
                b_g_weight += tl.where(m_valid, b_gw * b_i_now, 0.0)
                if HAS_SYNAPSE:
                    b_i_kept = tl.load(p_synapses + o_before, mask=m_before, other=0.0).to(dtype)
                    b_i_initial = tl.load(p_synapse + o_lane, mask=m_valid & (t == 0), other=0.0)
                    b_g_alpha += tl.where(m_valid, b_gx * (b_i_kept + b_i_initial), 0.0)
            b_gu = tl.where(m_valid, b_beta * b_gw, b_gu)
            b_gi = tl.where(m_valid, b_alpha * b_gx, b_gi)
        s0, s1, s2, s3 = q0, q1, q2, q3
        m0, m1, m2, m3 = n0, n1, n2, n3
        g0, g1, g2, g3 = h0, h1, h2, h3

    if CARRY:
        p_after = p_carry + (i_chunk - 1) * 2 * lanes + o_lane
        tl.store(p_after, b_gi, mask=m_lane)
        tl.store(p_after + lanes, b_gu, mask=m_lane)
    else:
        if KIND == DELTA:
            b_gu -= b_p_next * activation_slope(b_f_initial, ACTIVATION)
        tl.store(p_grad_synapse + o_lane, b_gi, mask=m_lane & (i_chunk == 0))
        tl.store(p_grad_potential + o_lane, b_gu, mask=m_lane & (i_chunk == 0))
        o_total = i_chunk * lanes + o_lane
        if LEARNED:
            tl.store(p_grad_alpha + o_total, b_g_alpha, mask=m_lane)
            tl.store(p_grad_beta + o_total, b_g_beta, mask=m_lane)
            tl.store(p_grad_weight + o_total, b_g_weight, mask=m_lane)
        if COUNTED:
            tl.store(p_grad_threshold + o_total, b_g_threshold, mask=m_lane)


@triton.jit(do_not_specialize=["slots", "doublings"])
def join_kernel(
    p_carry,
    p_alpha,
    p_beta,
    p_weight,
    slots,
    doublings,
    lanes,
    N,
    HAS_SYNAPSE: tl.constexpr,
    BACKWARD: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """In place, slot after slot (before slot, BACKWARD), add the transition of the one before; c = 2^doublings."""
    dtype: tl.constexpr = p_beta.dtype.element_ty
    o_lane = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m_lane = o_lane < lanes
    b_beta = tl.load(p_beta + o_lane % N, mask=m_lane, other=0.0).to(tl.float64)
    b_alpha, b_cross = b_beta * 0.0, b_beta * 0.0
    if HAS_SYNAPSE:
        b_alpha = tl.load(p_alpha + o_lane % N, mask=m_lane, other=0.0).to(tl.float64)
        b_cross = b_alpha * tl.load(p_weight + o_lane % N, mask=m_lane, other=0.0).to(tl.float64)
    for _ in range(doublings):
        b_cross *= b_alpha + b_beta
        b_alpha *= b_alpha
        b_beta *= b_beta
    # `first` drives `second` through `b_cross`: i drives u forward, gu drives gi backward.
    way: tl.constexpr = -1 if BACKWARD else 1
    origin = tl.program_id(1).to(tl.int64)
    p_first, p_second = p_carry + o_lane, p_carry + lanes + o_lane
    b_decay_first, b_decay_second = b_alpha.to(dtype), b_beta.to(dtype)
    if BACKWARD:
        origin += slots - 1
        p_first, p_second = p_carry + lanes + o_lane, p_carry + o_lane
        b_decay_first, b_decay_second = b_beta.to(dtype), b_alpha.to(dtype)
    b_cross = b_cross.to(dtype)
    b_first, b_second = tl.zeros([BLOCK], dtype), tl.zeros([BLOCK], dtype)
    stride = 2 * lanes
    x0, x1, x2, x3 = load_four(p_first, origin, 0, slots, stride, m_lane, dtype, way)
    z0, z1, z2, z3 = load_four(p_second, origin, 0, slots, stride, m_lane, dtype, way)
    for done in range(0, slots, 4):
        slot = origin + way * done
        y0, y1, y2, y3 = load_four(p_first, slot + 4 * way, 0, slots, stride, m_lane, dtype, way)
        v0, v1, v2, v3 = load_four(p_second, slot + 4 * way, 0, slots, stride, m_lane, dtype, way)
        for k in tl.static_range(4):
            b_second = b_decay_second * b_second + b_cross * b_first + pick(z0, z1, z2, z3, k)
            b_first = b_decay_first * b_first + pick(x0, x1, x2, x3, k)
            m_slot = m_lane & (done + k < slots)
            tl.store(p_first + (slot + way * k) * stride, b_first, mask=m_slot)
            tl.store(p_second + (slot + way * k) * stride, b_second, mask=m_slot)
        x0, x1, x2, x3 = y0, y1, y2, y3
        z0, z1, z2, z3 = v0, v1, v2, v3


def _each(value: Tensor, features: int) -> Tensor:
    """(N,) of one for all; an empty one stays so."""
    return value.expand(features).contiguous() if len(value) == 1 else value


def _decays(decay_syn: Tensor, decay_mem: Tensor, leaky: int, synapse: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """α, β and the membrane's gain of each feature, of what is computed with."""
    values = decay_syn.to(synapse.dtype), decay_mem.to(synapse.dtype), gain(decay_mem, leaky != 0, synapse.dtype)
    alpha, beta, weight = (_each(value, synapse.shape[1]) for value in values)
    return alpha, beta, weight


def _plan(programs: int, steps: int, reset: int, device: torch.device) -> tuple[int, int]:
    """(steps of a chunk, number of chunks); a reset lets time be cut nowhere."""
    length = 1 << (steps - 1).bit_length() if reset else chunk_length(programs, steps, device)
    return length, triton.cdiv(steps, length)


def _block(lanes: int, reset: int, device: torch.device) -> int:
    """A reset on few lanes spreads them thinly: a lane a thread, over more multiprocessors."""
    return 32 if reset and lanes < BLOCK * FEW * multiprocessors(device) else BLOCK


def _join(carry: Tensor, decays: tuple[Tensor, ...], length: int, lanes: int, backward: bool) -> None:
    alpha, beta, _ = decays
    join_kernel[triton.cdiv(lanes, BLOCK), 1](
        carry,
        *decays,
        len(carry),
        length.bit_length() - 1,
        lanes,
        len(beta),
        len(alpha) > 0,
        backward,
        BLOCK,
        num_warps=1,
    )


def launch_forward(
    operands: Sequence[Tensor], code: list[int], constants: list[float], wanted: Sequence[Tensor]
) -> None:
    """Fill `wanted`: spikes, potentials, synaptic currents, memo, last_synapse, last_potential."""
    current, decay_syn, decay_mem, synapse, potential, threshold, seed, step, lengths = operands
    kind, activation, _, reset, _, draws, leaky = code
    if reset and kind not in (0, THRESHOLD.value):
        raise ValueError("backend: 'triton' has no kernel for a reset after this firing function; use reference")
    steps, lanes, features = len(current), synapse.numel(), synapse.shape[1]
    if lanes == 0:
        return
    alpha, beta, weight = decays = _decays(decay_syn, decay_mem, leaky, synapse)
    threshold = _each(threshold, features)
    width = triton.cdiv(features, 4) * 4 if draws else features
    check_lanes(len(synapse) * width)
    block = _block(lanes, reset, current.device)
    blocks = triton.cdiv(len(synapse) * width, block)
    length, chunks = _plan(blocks, steps, reset, current.device)
    carry = synapse.new_empty((chunks - 1, 2, lanes))
    keep = [len(tensor) > 0 for tensor in wanted[1:4]]
    arguments = (
        *(current, alpha, beta, weight, synapse, potential, threshold, seed, step, lengths, carry, *wanted),
        *sum((halves(value) for value in constants), ()),
        *(steps, length, lanes, features),
    )
    flags = len(alpha) > 0, len(lengths) > 0
    with on(current.device):
        if chunks > 1:
            forward_kernel[triton.cdiv(lanes, block), chunks - 1](
                *arguments, features, 0, 0, True, 0, False, *flags, *[False] * 3, True, True, False, block, num_warps=1
            )
            _join(carry, decays, length, lanes, backward=False)
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
    """Fill `wanted`: the gradients of current, alpha, beta, weight, threshold, synapse, potential. saved: potentials,
    synaptic currents, memo."""
    _, decay_syn, decay_mem, synapse, potential, threshold, _, _, lengths = operands
    kind, activation, surrogate, reset, detached, _, leaky = code
    steps, lanes, features = len(wanted[0]), synapse.numel(), synapse.shape[1]
    if lanes == 0:
        return
    alpha, beta, weight = decays = _decays(decay_syn, decay_mem, leaky, synapse)
    threshold = _each(threshold, features)
    grads = *grads[:2], *(torch.zeros_like(synapse) if len(grad) == 0 else grad for grad in grads[2:])
    block = _block(lanes, reset, synapse.device)
    blocks = triton.cdiv(lanes, block)
    length, chunks = _plan(blocks, steps, reset, synapse.device)
    carry = synapse.new_empty((chunks - 1, 2, lanes))
    learned, counted = len(wanted[1]) > 0, len(wanted[4]) > 0
    totals = wanted[1:5]
    if chunks > 1 and (learned or counted):
        totals = [synapse.new_empty((chunks, *total.shape)) for total in totals]
    arguments = (
        *(*grads, alpha, beta, weight, synapse, potential, threshold, lengths, carry),
        *(*saved, wanted[0], *totals, *wanted[5:]),
        *(*halves(constants[0]), steps, length, lanes, features, features),
        *(kind, activation, surrogate, reset, bool(detached)),
        *(len(alpha) > 0, len(lengths) > 0, len(grads[1]) > 0, learned, counted),
    )
    with on(synapse.device):
        if chunks > 1:
            backward_kernel[blocks, chunks - 1](*arguments, True, True, block, num_warps=1)
            _join(carry, decays, length, lanes, backward=True)
        backward_kernel[blocks, chunks](*arguments, chunks > 1, False, block, num_warps=1)
        if chunks > 1:
            filled = [learned] * 3 + [counted]
            for total, parts, is_filled in zip(wanted[1:5], totals, filled, strict=True):
                if is_filled:
                    torch.sum(parts, 0, out=total)


def integrate_and_fire(
    operands: Sequence[Tensor], code: list[int], constants: list[float], wanted: Sequence[Tensor]
) -> None:
    """Fill `wanted`: spikes, potentials, memo, last_synapse, last_potential; see `_autograd`."""
    spikes, potentials, *others = wanted
    launch_forward(operands, code, constants, (spikes, potentials, spikes[:0], *others))


def integrate_and_fire_backward(
    grads: Sequence[Tensor],
    operands: Sequence[Tensor],
    code: list[int],
    constants: list[float],
    memo: Tensor,
    wanted: Sequence[Tensor],
) -> None:
    """Fill `wanted` as `launch_backward`. Where there is a current, what goes with it is computed again."""
    learned = len(wanted[1]) > 0
    saved = _again(operands, code, constants, learned) if len(operands[0]) else (memo, memo, memo)
    launch_backward(grads, operands, code, constants, saved, wanted)


def _again(
    operands: Sequence[Tensor], code: list[int], constants: list[float], learned: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Potentials and synaptic currents, where decays are `learned`, and the memo, from the current."""
    shape, synapse = operands[0].shape, operands[3]
    fires, none = code[0] != 0, (0, *shape[1:])
    spikes = synapse.new_empty(shape if fires else none, dtype=torch.uint8)  # nobody looks at them
    potentials, synapses = (synapse.new_empty(shape if learned else none) for _ in range(2))
    memo = synapse.new_empty(shape if fires else none)
    last = torch.empty_like(synapse), torch.empty_like(synapse)
    launch_forward(operands, code, constants, (spikes, potentials, synapses, memo, *last))
    return potentials, synapses, memo
