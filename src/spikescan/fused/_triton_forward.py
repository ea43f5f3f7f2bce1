"""A chunk of time of one block of lanes, forward, for every firing function.

b_ is a block of values, o_ one of offsets, m_ a mask, p_ a pointer, in all kernels. Four steps are loaded at a time,
and these four steps before they are needed.
"""

import triton
import triton.language as tl

from ..scan._triton import load_four, pick
from ._triton_math import HARD, SOFT, THRESHOLD, draw, fire, load_decays, load_lengths, locate, narrow, quads


@triton.jit(do_not_specialize=["T", "length"])
def forward_kernel(
    p_current,
    p_decays,
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
    COUPLED: tl.constexpr,
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

    b_ii, b_iu, b_ix, b_uu, b_ui, b_ux, b_jump = load_decays(p_decays + o_feature, begin * 0 + N, m_lane, COUPLED)
    b_threshold = b_uu
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
            if COUPLED:
                b_i_new = b_ii * b_i + b_iu * b_u + b_ix * b_x
                b_w = b_uu * b_u + b_ui * b_i + b_ux * b_x
            else:
                b_i_new = b_x
                if HAS_SYNAPSE:
                    b_i_new = b_ii * b_i + b_x
                b_w = b_uu * b_u + b_ux * b_i_new
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
                if COUPLED and RESET != 0:
                    b_i_new += b_jump * b_s
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
