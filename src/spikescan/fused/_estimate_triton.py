"""MPE-PSN on the GPU: one pass over memory forward, one backward, which draws again instead of storing the draws.

x current, ô drawn spike, û estimate, h charge, z = h - V_th, o spike, u membrane after the reset, as in
`spikescan.MPEPSN`. There is no recurrence: a program takes one block of lanes and any stretch of steps, and works out
again the one step beside its stretch that it needs.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from ..scan._triton import BLOCK, MANY, check_lanes, load_step, multiprocessors, on, or_empty
from ._triton_math import draw, halves, load_lengths, locate, positive, quads, sigmoid

SHORTEST, MOST = 8, 65535


@triton.jit
def rates(decay, step, t, PREVIOUS: tl.constexpr):
    """τ of step t; with estimate="current" the sequence's first step has none."""
    rate = decay
    if not PREVIOUS:
        rate = tl.where(step + t > 0, decay, 0.0)
    return rate


@triton.jit
def estimate(x, r, DRAWS: tl.constexpr):
    """(û, ∂û/∂x)"""
    rho = sigmoid(x)
    if DRAWS:
        value, slope = tl.where(r < rho, 0.0 * x, x), tl.where(r < rho, 0.0, 1.0).to(x.dtype)
    else:
        value, slope = (1.0 - rho) * x, (1.0 - rho) * (1.0 - x * rho)
    return value, slope


@triton.jit
def drawn(x, o_group, o_row, step, seed, DRAWS: tl.constexpr):
    """Draws of one step, in the dtype of x."""
    r = x
    if DRAWS:
        r = draw(o_group, o_row, step, seed).to(x.dtype)
    return r


@triton.jit(do_not_specialize=["T", "length"])
def forward_kernel(
    p_x, p_carried, p_threshold, p_seed, p_step, p_lengths, p_spikes, p_potential, p_carry, p_distance, decay,
    decay_low, T, length, lanes, N, width, PREVIOUS: tl.constexpr, DRAWS: tl.constexpr, HAS_LENGTHS: tl.constexpr,
    KEEP_POTENTIAL: tl.constexpr, PADDED: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """`p_distance` (block, T) takes the sums of (û - u)²."""
    dtype: tl.constexpr = p_carried.dtype.element_ty
    o_lane, o_row, _, m_lane = locate(lanes, N, width, PADDED, BLOCK)
    o_group, o_group_row = o_lane, o_row
    if DRAWS:
        o_group, o_group_row = quads(width, BLOCK)
    begin = tl.program_id(1).to(tl.int64) * length
    end = tl.minimum(begin + length, T)
    b_steps = load_lengths(p_lengths, o_row, m_lane, T, HAS_LENGTHS)
    seed, step, threshold = tl.load(p_seed), tl.load(p_step), tl.load(p_threshold)
    b_decay = tl.zeros([BLOCK], dtype) + decay + decay_low

    b_x = load_step(p_x + o_lane, begin - 1, 0, T, lanes, m_lane, dtype)
    b_r = drawn(b_x, o_group, o_group_row, step + begin - 1, seed, DRAWS)
    b_last, _ = estimate(b_x, b_r, DRAWS)
    if not PREVIOUS:
        b_h = rates(b_decay, step, begin - 1, PREVIOUS) * b_last + b_x
        b_last = (tl.where(b_h > threshold, 0.0, 1.0) + (b_h - b_h)) * b_h
    b_carried = tl.load(p_carried + o_lane, mask=m_lane, other=0.0)
    b_last = tl.where(begin > 0, b_last, b_carried)
    b_x = load_step(p_x + o_lane, begin, begin, end, lanes, m_lane, dtype)
    for t in range(begin, end):
        b_x_next = load_step(p_x + o_lane, t + 1, begin, end, lanes, m_lane, dtype)
        m_valid = m_lane & (t < b_steps)
        b_r = drawn(b_x, o_group, o_group_row, step + t, seed, DRAWS)
        b_estimate, _ = estimate(b_x, b_r, DRAWS)
        b_source = b_estimate
        if PREVIOUS:
            b_source = b_last
        b_h = rates(b_decay, step, t, PREVIOUS) * b_source + b_x
        b_s = tl.where(b_h > threshold, 1.0, 0.0).to(dtype) + (b_h - b_h)
        b_u = (1.0 - b_s) * b_h
        b_new, b_target = b_u, b_last
        if PREVIOUS:
            b_new, b_target = b_estimate, b_u
        b_distance = tl.where(m_valid, b_estimate - b_target, 0.0)
        tl.store(p_distance + tl.program_id(0).to(tl.int64) * T + t, tl.sum(b_distance * b_distance, 0))
        b_s = tl.where(m_valid, b_s, 0.0)
        tl.store(p_spikes + t * lanes + o_lane, b_s.to(p_spikes.dtype.element_ty), mask=m_lane)
        if KEEP_POTENTIAL:
            b_u = tl.where(m_valid, b_u, 0.0)
            tl.store(p_potential + t * lanes + o_lane, b_u.to(p_potential.dtype.element_ty), mask=m_lane)
        b_last = tl.where(m_valid, b_new, b_last)
        b_x = b_x_next
    m_last = m_lane & (tl.maximum(b_steps - 1, 0) // length == tl.program_id(1))
    tl.store(p_carry + o_lane, b_last, mask=m_last)


@triton.jit(do_not_specialize=["T", "length"])
def backward_kernel(
    p_grad_spikes, p_grad_potential, p_grad_carry, p_grad_distance, p_x, p_carried, p_threshold, p_seed, p_step,
    p_lengths, p_grad_x, p_grad_carried, p_grad_threshold, decay, decay_low, T, length, lanes, N, width,
    PREVIOUS: tl.constexpr, DRAWS: tl.constexpr, HAS_LENGTHS: tl.constexpr, HAS_GRAD_POTENTIAL: tl.constexpr,
    PADDED: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """`p_grad_threshold` (stretch, block) is summed by the launcher. `b_later` holds what the step after asks of this
    one's û (PREVIOUS) or u; a stretch that is not the last begins at the step after it, for that alone."""
    dtype: tl.constexpr = p_carried.dtype.element_ty
    o_lane, o_row, _, m_lane = locate(lanes, N, width, PADDED, BLOCK)
    o_group, o_group_row = o_lane, o_row
    if DRAWS:
        o_group, o_group_row = quads(width, BLOCK)
    begin = tl.program_id(1).to(tl.int64) * length
    end = tl.minimum(begin + length, T)
    top = tl.minimum(end, T - 1)
    b_steps = load_lengths(p_lengths, o_row, m_lane, T, HAS_LENGTHS)
    seed, step, threshold = tl.load(p_seed), tl.load(p_step), tl.load(p_threshold)
    b_decay = tl.zeros([BLOCK], dtype) + decay + decay_low

    b_carried = tl.load(p_carried + o_lane, mask=m_lane, other=0.0)
    b_later = tl.load(p_grad_carry + o_lane, mask=m_lane, other=0.0)
    b_total = tl.zeros([BLOCK], dtype)
    b_x = load_step(p_x + o_lane, top, 0, T, lanes, m_lane, dtype)
    b_r = drawn(b_x, o_group, o_group_row, step + top, seed, DRAWS)
    b_estimate, b_slope = estimate(b_x, b_r, DRAWS)
    for back in range(begin, top + 1):
        t = top - (back - begin)
        m_valid = m_lane & (t < b_steps)
        b_gs = load_step(p_grad_spikes + o_lane, t, 0, T, lanes, m_valid, dtype)
        b_gp = tl.zeros([BLOCK], dtype)
        if HAS_GRAD_POTENTIAL:
            b_gp = load_step(p_grad_potential + o_lane, t, 0, T, lanes, m_valid, dtype)
        b_x_before = load_step(p_x + o_lane, t - 1, 0, T, lanes, m_lane, dtype)
        weight = 2.0 * tl.load(p_grad_distance + t)
        b_r = drawn(b_x_before, o_group, o_group_row, step + t - 1, seed, DRAWS)
        b_before, b_slope_before = estimate(b_x_before, b_r, DRAWS)
        b_rate = rates(b_decay, step, t, PREVIOUS)
        b_source = b_estimate
        if PREVIOUS:
            b_source = tl.where(t > 0, b_before, b_carried)
        b_h = b_rate * b_source + b_x
        b_stays = tl.where(b_h > threshold, 0.0, 1.0).to(dtype)
        if PREVIOUS:
            b_e = weight * (b_estimate - b_stays * b_h)
            b_gu = b_gp - b_e
        else:
            b_h_before = rates(b_decay, step, t - 1, PREVIOUS) * b_before + b_x_before
            b_u_before = tl.where(b_h_before > threshold, 0.0, b_h_before)
            b_e = weight * (b_estimate - tl.where(t > 0, b_u_before, b_carried))
            b_gu = b_gp + b_later
        b_go = (b_gs - b_gu * b_h) * positive(1.0 - tl.abs(b_h - threshold))
        b_gh = b_gu * b_stays + b_go
        if PREVIOUS:
            b_gx, b_new = b_gh + b_slope * (b_e + b_later), b_rate * b_gh
        else:
            b_gx, b_new = b_gh + b_slope * (b_e + b_rate * b_gh), -b_e
        b_total -= tl.where(m_valid & (t < end), b_go, 0.0)
        b_gx = tl.where(m_valid, b_gx, 0.0)
        p_out = p_grad_x + t * lanes + o_lane
        tl.store(p_out, b_gx.to(p_grad_x.dtype.element_ty), mask=m_lane & (t < end))
        b_later = tl.where(m_valid, b_new, b_later)
        b_x, b_estimate, b_slope = b_x_before, b_before, b_slope_before
    tl.store(p_grad_carried + o_lane, b_later, mask=m_lane & (begin == 0))
    o_total = tl.program_id(1).to(tl.int64) * tl.num_programs(0) + tl.program_id(0)
    tl.store(p_grad_threshold + o_total, tl.sum(b_total, 0))


def _grid(x: Tensor, draws: bool) -> tuple[tuple[int, int], int, int]:
    """(blocks of lanes, stretches), steps of a stretch, features with the padding that draws need."""
    steps, rows, features = x.shape
    width = triton.cdiv(features, 4) * 4 if draws else features
    check_lanes(rows * width)
    blocks = triton.cdiv(rows * width, BLOCK)
    wanted = triton.cdiv(MANY * multiprocessors(x.device), blocks)
    length = max(SHORTEST, triton.cdiv(steps, min(wanted, MOST)))
    return (blocks, triton.cdiv(steps, length)), length, width


def _launch(kernel, pointers, operands, decay: float, previous: bool, potential: bool) -> None:
    """pointers: what the kernel takes before its numbers; `potential`: its flag."""
    x, carried, _, seed, _, lengths = operands
    features, draws = x.shape[2], seed is not None
    grid, length, width = _grid(x, draws)
    with on(x.device):
        kernel[grid](
            *pointers,
            *(*halves(decay), len(x), length, carried.numel(), features, width),
            *(previous, draws, lengths is not None, potential, width != features, BLOCK),
            num_warps=1,
        )


def _pointers(operands) -> list[Tensor]:
    """Those of the operands; one that nobody reads may point at anything."""
    x, carried, threshold, seed, step, lengths = operands
    return or_empty((x, carried, threshold, step if seed is None else seed, step, lengths), carried)


def estimate_and_fire(operands, decay: float, previous: bool, wanted) -> Tensor:
    """Fill `wanted`: spikes, potential, carry; return the distances (T,)."""
    x, carried, _, seed, *_ = operands
    if carried.numel() == 0:
        return carried.new_zeros(len(x))
    (blocks, _), *_ = _grid(x, seed is not None)
    distance = carried.new_empty((blocks, len(x)))
    pointers = *_pointers(operands), *or_empty(wanted, carried), distance
    _launch(forward_kernel, pointers, operands, decay, previous, wanted[1] is not None)
    return distance.sum(0, dtype=torch.float64).to(carried.dtype)


def estimate_and_fire_backward(grads, operands, decay: float, previous: bool, wanted) -> Tensor:
    """Fill `wanted`: the gradients of x and carried; return the threshold's."""
    x, carried, threshold, seed, *_ = operands
    if carried.numel() == 0:
        return torch.zeros_like(threshold)
    spikes, potential, carry, distance = grads
    (blocks, stretches), *_ = _grid(x, seed is not None)
    total = carried.new_empty((stretches, blocks))
    zeros = (
        carried.new_zeros(x.shape) if spikes is None else spikes,
        potential,
        torch.zeros_like(carried) if carry is None else carry,
        carried.new_zeros(len(x)) if distance is None else distance,
    )
    pointers = *or_empty(zeros, carried), *_pointers(operands), *wanted, total
    _launch(backward_kernel, pointers, operands, decay, previous, potential is not None)
    return total.sum(dtype=torch.float64).to(carried.dtype)
