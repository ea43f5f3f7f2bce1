"""Gathering rows on the GPU. Everything here is one kernel: sums of table rows, taken group by group.

The output sums weight rows over the events of each bin (time step, batch row); the weight's gradient sums the output's
gradient over the events of each channel. A stable sort brings the events of a group together in the order in which they
came, so sums are the same every time, and nothing of size (events, N) exists.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from ..scan._checks import accumulate_dtype
from ..scan._triton import on

# A program is one warp that holds TILE numbers: BLOCK features of several events at once, so that their loads overlap.
TILE, BLOCK, MOST_EVENTS = 1024, 128, 64
SHARE = 256
"""Events of a channel that one program sums: a busy channel is shared among many."""


@triton.jit
def sum_rows_kernel(
    p_table,
    p_index,
    p_value,
    p_start,
    p_bias,
    p_out,
    N,
    HAS_VALUE: tl.constexpr,
    HAS_BIAS: tl.constexpr,
    EVENTS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """out[g] = bias + Σ value[e]·table[index[e]] over e from start[g] to start[g + 1], summed in float32, or in float64
    where that is the output's type."""
    i_group = tl.program_id(0).to(tl.int64)
    o_n = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    m_n = o_n < N
    dtype: tl.constexpr = tl.float64 if p_out.dtype.element_ty == tl.float64 else tl.float32
    b_sum = tl.zeros([BLOCK], dtype)
    end = tl.load(p_start + i_group + 1)
    for first in range(tl.load(p_start + i_group), end, EVENTS):
        o_event = first + tl.arange(0, EVENTS)
        m_event = o_event < end
        o_row = tl.load(p_index + o_event, mask=m_event, other=0).to(tl.int64) * N
        m_row = m_event[:, None] & m_n[None, :]
        b_rows = tl.load(p_table + o_row[:, None] + o_n[None, :], mask=m_row, other=0.0).to(dtype)
        if HAS_VALUE:
            b_rows *= tl.load(p_value + o_event, mask=m_event, other=0.0)[:, None]
        b_sum += tl.sum(b_rows, 0)
    if HAS_BIAS:
        b_sum += tl.load(p_bias + o_n, mask=m_n, other=0.0).to(dtype)
    tl.store(p_out + i_group * N + o_n, b_sum.to(p_out.dtype.element_ty), mask=m_n)


def _sum_rows(
    table: Tensor, index: Tensor, value: Tensor | None, start: Tensor, bias: Tensor | None, out: Tensor
) -> Tensor:
    """table (R, N), index (E,), value (E,), start (G + 1,), bias (N,) -> out (G, N)."""
    groups, features = out.shape
    if out.numel() == 0:
        return out
    block = min(BLOCK, triton.next_power_of_2(features))
    with on(table.device):
        sum_rows_kernel[groups, triton.cdiv(features, block)](
            *(table, index, table if value is None else value, start, table if bias is None else bias, out, features),
            *(value is not None, bias is not None, min(MOST_EVENTS, TILE // block), block),
            num_warps=1,
        )
    return out


def _grouped(key: Tensor, groups: int) -> tuple[Tensor, Tensor]:
    """(order that brings equal keys together, where in it each group starts and the last one ends)."""
    key, order = torch.sort(key, stable=True)
    bounds = torch.arange(groups + 1, dtype=key.dtype, device=key.device)
    return order, torch.searchsorted(key, bounds, out_int32=True)


def _bins(step: Tensor, row: Tensor, steps: int, rows: int) -> Tensor:
    """Bin of each event: a row of the output laid out (T·B, N)."""
    return step * rows + row if steps * rows < 2**31 else step.long() * rows + row


def forward(
    weight: Tensor,
    bias: Tensor | None,
    step: Tensor,
    row: Tensor,
    channel: Tensor,
    value: Tensor | None,
    steps: int,
    rows: int,
) -> Tensor:
    """Same signature as the reference."""
    order, start = _grouped(_bins(step, row, steps, rows), steps * rows)
    out = weight.new_empty((steps, rows, weight.shape[1]))
    _sum_rows(weight, channel[order], _ordered(value, order), start, bias, out.flatten(0, 1))
    return out


def backward(grad: Tensor, step: Tensor, row: Tensor, channel: Tensor, value: Tensor | None, channels: int) -> Tensor:
    """Same signature as the reference. Twice the same sum: of SHARE events at most, then of a channel's shares."""
    order, start = _grouped(channel, channels)
    first_share, share_start = _shares(start, len(order))
    steps, rows, features = grad.shape
    sums = grad.new_empty((len(share_start) - 1, features), dtype=accumulate_dtype(grad))
    bins = _bins(step, row, steps, rows)[order]
    _sum_rows(grad.flatten(0, 1), bins, _ordered(value, order), share_start, None, sums)
    every = torch.arange(len(sums), dtype=torch.int32, device=grad.device)
    return _sum_rows(sums, every, None, first_share, None, grad.new_empty((channels, features)))


def _ordered(value: Tensor | None, order: Tensor) -> Tensor | None:
    return None if value is None else value[order]


def _shares(start: Tensor, events: int) -> tuple[Tensor, Tensor]:
    """(first share of each channel, first event of each share), each with the end behind it.

    How many shares there are only the device knows; there are as many as there could be, the last ones empty.
    """
    counts = start.diff()
    first_share = torch.zeros_like(start)
    torch.cumsum((counts + SHARE - 1) // SHARE, 0, dtype=start.dtype, out=first_share[1:])
    share = torch.arange(len(counts) + events // SHARE + 1, dtype=start.dtype, device=start.device)
    owner = torch.searchsorted(first_share, share, right=True) - 1
    return first_share, (start[owner] + (share - first_share[owner]) * SHARE).clamp(max=events)
