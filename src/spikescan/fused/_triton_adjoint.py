"""A chunk of time of one block of lanes, backward: the adjoint, for every firing function and surrogate."""

import triton
import triton.language as tl

from ..scan._triton import load_four, pick
from ._triton_math import (
    BERNOULLI,
    DELTA,
    ESCAPE,
    HARD,
    SOFT,
    THRESHOLD,
    activate,
    activation_slope,
    load_decays,
    load_lengths,
    locate,
    surrogate_slope,
)


@triton.jit(do_not_specialize=["T", "length"])
def backward_kernel(
    p_grad_spikes,
    p_grad_potentials,
    p_grad_last_synapse,
    p_grad_last_potential,
    p_current,
    p_decays,
    p_synapse,
    p_potential,
    p_threshold,
    p_lengths,
    p_carry,
    p_potentials,
    p_synapses,
    p_memo,
    p_grad_current,
    p_grad_decays,
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
    COUPLED: tl.constexpr,
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
    fills under CARRY. The gradients of decays, (chunk, row, lane), and threshold are summed by the launcher."""
    dtype: tl.constexpr = p_grad_synapse.dtype.element_ty
    o_lane, o_row, o_feature, m_lane = locate(lanes, N, width, False, BLOCK)
    i_chunk = tl.program_id(1).to(tl.int64)
    if CARRY:
        i_chunk += 1
    begin = i_chunk * length
    end = tl.minimum(begin + length, T)
    b_steps = load_lengths(p_lengths, o_row, m_lane, T, HAS_LENGTHS)

    b_ii, b_iu, b_ix, b_uu, b_ui, b_ux, b_jump = load_decays(p_decays + o_feature, begin * 0 + N, m_lane, COUPLED)
    b_threshold = b_uu
    if KIND >= THRESHOLD:
        b_threshold = tl.load(p_threshold + o_feature, mask=m_lane, other=0.0)
    b_a = tl.zeros([BLOCK], dtype) + a + a_low
    b_u_initial = b_uu
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
    zero = tl.zeros([BLOCK], dtype)
    b_g_ii, b_g_iu, b_g_ix, b_g_uu, b_g_ui, b_g_ux, b_g_jump = zero, zero, zero, zero, zero, zero, zero
    b_g_threshold = zero

    p_gs, p_m, p_gp = p_grad_spikes + o_lane, p_memo + o_lane, p_grad_potentials + o_lane
    b_p_next = zero
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
                if COUPLED and RESET != 0:
                    if not DETACHED:
                        b_p += b_jump * b_gi
                    if LEARNED:
                        b_g_jump += tl.where(m_valid & (b_m > 0.0), b_gi, 0.0)
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
            if COUPLED:
                b_gx = b_ux * b_gw + b_ix * b_gi
                b_gi_here = b_gi
                b_gu_before = b_uu * b_gw + b_iu * b_gi
                b_gi_before = b_ui * b_gw + b_ii * b_gi
            else:
                b_gx = b_gi + b_ux * b_gw
                b_gi_here = b_gx
                b_gu_before = b_uu * b_gw
                b_gi_before = b_ii * b_gx
            if not CARRY:
                b_out = tl.where(m_valid, b_gx, 0.0)
                p_out = p_grad_current + t * lanes + o_lane
                tl.store(p_out, b_out.to(p_grad_current.dtype.element_ty), mask=m_store)
            if LEARNED and not CARRY:
                o_now, o_before = t * lanes + o_lane, (t - 1) * lanes + o_lane
                m_before = m_valid & (t > 0)
                b_u_kept = tl.load(p_potentials + o_before, mask=m_before, other=0.0).to(dtype)
                b_u_before = tl.where(t > 0, b_u_kept, b_u_initial)
                b_g_uu += tl.where(m_valid, b_gw * b_u_before, 0.0)
                # The membrane takes the current itself, or of two leaks the synapse's.
                p_taken = p_current if COUPLED else p_synapses
                b_taken = tl.load(p_taken + o_now, mask=m_valid, other=0.0).to(dtype)
                b_g_ux += tl.where(m_valid, b_gw * b_taken, 0.0)
                if HAS_SYNAPSE:
                    b_i_kept = tl.load(p_synapses + o_before, mask=m_before, other=0.0).to(dtype)
                    b_i_before = b_i_kept + tl.load(p_synapse + o_lane, mask=m_valid & (t == 0), other=0.0)
                    b_g_ii += tl.where(m_valid, b_gi_here * b_i_before, 0.0)
                    if COUPLED:
                        b_g_iu += tl.where(m_valid, b_gi * b_u_before, 0.0)
                        b_g_ix += tl.where(m_valid, b_gi * b_taken, 0.0)
                        b_g_ui += tl.where(m_valid, b_gw * b_i_before, 0.0)
            b_gu = tl.where(m_valid, b_gu_before, b_gu)
            b_gi = tl.where(m_valid, b_gi_before, b_gi)
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
            UU: tl.constexpr = 3 if COUPLED else 1
            UX: tl.constexpr = 5 if COUPLED else 2
            stride = begin * 0 + lanes
            p_row = p_grad_decays + i_chunk * (7 if COUPLED else 3) * stride + o_lane
            tl.store(p_row, b_g_ii, mask=m_lane)
            tl.store(p_row + UU * stride, b_g_uu, mask=m_lane)
            tl.store(p_row + UX * stride, b_g_ux, mask=m_lane)
            if COUPLED:
                tl.store(p_row + stride, b_g_iu, mask=m_lane)
                tl.store(p_row + 2 * stride, b_g_ix, mask=m_lane)
                tl.store(p_row + 4 * stride, b_g_ui, mask=m_lane)
                tl.store(p_row + 6 * stride, b_g_jump, mask=m_lane)
        if COUNTED:
            tl.store(p_grad_threshold + o_total, b_g_threshold, mask=m_lane)
