"""Delays on the GPU: a program computes some steps of a block of lanes; steps before lie in the caches.

A lane is one feature of one batch row; step t < 0 is row D - 1 + t of the history. Padding is 0 on either side.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from ..scan._triton import check_lanes, on

STEPS, BLOCK = 16, 64
"""Of a program: steps and lanes."""


@triton.jit
def load_rows(p_x, p_history, o_t, o_lane, end, lanes, reach, m_lane, HAS_HISTORY: tl.constexpr):
    """Steps `o_t` of some lanes, (STEPS, BLOCK); 0 before the history and from `end` on."""
    t, at = o_t.to(tl.int64)[:, None], o_lane[None, :]
    b_x = tl.load(p_x + t * lanes + at, mask=m_lane[None, :] & (t >= 0) & (t < end[None, :]), other=0.0)
    if HAS_HISTORY:
        m_before = m_lane[None, :] & (t < 0) & (t >= -reach)
        b_x += tl.load(p_history + (t + reach) * lanes + at, mask=m_before, other=0.0)
    return b_x


@triton.jit
def load_end(p_lengths, o_lane, T, N, m_lane, PADDED: tl.constexpr):
    """The length of each lane's row."""
    b_end = o_lane * 0 + T
    if PADDED:
        b_end = tl.load(p_lengths + o_lane // N, mask=m_lane, other=0).to(tl.int32)
    return b_end


@triton.jit(do_not_specialize=["T", "reach"])
def filter_kernel(
    p_x,
    p_history,
    p_taps,
    p_lengths,
    p_out,
    p_before,
    T,
    reach,
    lanes,
    N,
    HAS_HISTORY: tl.constexpr,
    PADDED: tl.constexpr,
    WAY: tl.constexpr,
    BEFORE: tl.constexpr,
    STEPS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """out[t] = Σ_k taps[k]·x[t - WAY·k]; BEFORE: also of the steps from -reach on, to `p_before`."""
    o_lane = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m_lane = o_lane < lanes
    o_t = tl.program_id(1) * STEPS + tl.arange(0, STEPS)
    if BEFORE:
        o_t -= reach
    b_end = load_end(p_lengths, o_lane, T, N, m_lane, PADDED)
    b_sum = tl.zeros([STEPS, BLOCK], p_taps.dtype.element_ty)
    for k in range(0, reach + 1):
        b_tap = tl.load(p_taps + k * N + o_lane % N, mask=m_lane, other=0.0)
        b_sum += b_tap * load_rows(p_x, p_history, o_t - WAY * k, o_lane, b_end, lanes, reach, m_lane, HAS_HISTORY)
    b_sum = tl.where(o_t[:, None] < b_end[None, :], b_sum, 0.0)
    t, at = o_t.to(tl.int64)[:, None], o_lane[None, :]
    tl.store(p_out + t * lanes + at, b_sum, mask=m_lane[None, :] & (t >= 0) & (t < T))
    if BEFORE:
        tl.store(p_before + (t + reach) * lanes + at, b_sum, mask=m_lane[None, :] & (t < 0))


@triton.jit(do_not_specialize=["T", "reach"])
def shift_kernel(
    p_x,
    p_history,
    p_shift,
    p_lengths,
    p_out,
    T,
    reach,
    lanes,
    N,
    HAS_HISTORY: tl.constexpr,
    PADDED: tl.constexpr,
    STEPS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """out[t] = x[t - shift]."""
    o_lane = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m_lane = o_lane < lanes
    t, at = (tl.program_id(1) * STEPS + tl.arange(0, STEPS)).to(tl.int64)[:, None], o_lane[None, :]
    b_end = load_end(p_lengths, o_lane, T, N, m_lane, PADDED)
    source = t - tl.load(p_shift + o_lane % N, mask=m_lane, other=0)[None, :]
    m_out = m_lane[None, :] & (t < b_end[None, :])
    b_x = tl.load(p_x + source * lanes + at, mask=m_out & (source >= 0), other=0.0)
    if HAS_HISTORY:
        m_before = m_out & (source < 0) & (source >= -reach)
        b_x += tl.load(p_history + (source + reach) * lanes + at, mask=m_before, other=0.0)
    tl.store(p_out + t * lanes + at, b_x, mask=m_lane[None, :] & (t < T))


@triton.jit(do_not_specialize=["T", "rows", "reach"])
def products_kernel(
    p_grad,
    p_x,
    p_history,
    p_lengths,
    p_table,
    T,
    rows,
    reach,
    N,
    HAS_HISTORY: tl.constexpr,
    PADDED: tl.constexpr,
    STEPS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """table[s, k] = Σ grad[t]·x[t - k] over the rows and the steps t of share s."""
    o_n = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m_n = o_n < N
    i_share, k = tl.program_id(1), tl.program_id(2)
    o_t = i_share * STEPS + tl.arange(0, STEPS)
    b_sum = tl.zeros([STEPS, BLOCK], p_table.dtype.element_ty)
    for row in range(0, rows):
        o_lane = row * N + o_n
        b_end = load_end(p_lengths, o_lane, T, N, m_n, PADDED)
        b_grad = load_rows(p_grad, p_grad, o_t, o_lane, b_end, rows * N, reach, m_n, False)
        b_x = load_rows(p_x, p_history, o_t - k, o_lane, b_end, rows * N, reach, m_n, HAS_HISTORY)
        b_sum += tl.where(o_t[:, None] < b_end[None, :], b_grad * b_x, 0.0)
    p_row = p_table + (i_share.to(tl.int64) * (reach + 1) + k) * N
    tl.store(p_row + o_n, tl.sum(b_sum, 0), mask=m_n)


def _options(history: Tensor | None, lengths: Tensor | None) -> tuple[bool, bool]:
    return history is not None and len(history) > 0, lengths is not None


def filtered(x: Tensor, taps: Tensor, history: Tensor | None, lengths: Tensor | None) -> Tensor:
    """Same signature as the reference."""
    out = torch.empty_like(x)
    _filter(x, taps, history, lengths, out, None, 1)
    return out


def _filter(x, taps, history, lengths, out, before, way: int) -> None:
    steps, lanes, features, reach = len(x), x[0].numel(), x.shape[2], len(taps) - 1
    if lanes == 0:
        return
    check_lanes(lanes)
    grid = triton.cdiv(lanes, BLOCK), triton.cdiv(steps + (0 if before is None else reach), STEPS)
    pointers = (x if value is None else value for value in (x, history, taps, lengths, out, before))
    flags = *_options(history, lengths), way, before is not None
    with on(x.device):
        filter_kernel[grid](*pointers, steps, reach, lanes, features, *flags, STEPS, BLOCK)


def shifted(x: Tensor, shift: Tensor, reach: int, history: Tensor | None, lengths: Tensor | None) -> Tensor:
    """Same signature as the reference."""
    out, lanes = torch.empty_like(x), x[0].numel()
    if lanes == 0:
        return out
    check_lanes(lanes)
    pointers = (x if value is None else value for value in (x, history, shift, lengths, out))
    sizes = len(x), reach, lanes, x.shape[2]
    with on(x.device):
        grid = triton.cdiv(lanes, BLOCK), triton.cdiv(len(x), STEPS)
        shift_kernel[grid](*pointers, *sizes, *_options(history, lengths), STEPS, BLOCK)
    return out


def backward(grad: Tensor, x: Tensor, taps: Tensor, history: Tensor | None, lengths: Tensor | None, results) -> None:
    """Fills `results`, as on the CPU. The taps' gradient is summed in shares of STEPS steps, then over the shares."""
    grad_x, grad_taps, grad_history = results
    if grad_x is not None or grad_history is not None:
        grad_x = torch.empty_like(x) if grad_x is None else grad_x
        _filter(grad, taps, None, lengths, grad_x, grad_history, -1)
    if grad_taps is None:
        return
    (steps, rows, features), count = x.shape, len(taps)
    table = taps.new_zeros((triton.cdiv(steps, STEPS), *taps.shape))
    pointers = (x if value is None else value for value in (grad, x, history, lengths, table))
    if x.numel():
        with on(x.device):
            grid = triton.cdiv(features, BLOCK), len(table), count
            flags = _options(history, lengths)
            products_kernel[grid](*pointers, steps, rows, count - 1, features, *flags, STEPS, BLOCK)
    grad_taps.copy_(table.sum(0))
