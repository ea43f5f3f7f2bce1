"""Gathering weight rows on the CPU. A task of the output is one batch row, or where these are fewer than the threads a
span of time of one, and goes through it step by step; the weight's gradient is summed in one table a thread."""

import numpy as np
import torch
from numba import njit
from torch import Tensor

from ..scan._caches import LINE, apart, borrowed, settle, whole_lines, write
from ..scan._checks import accumulate_dtype
from ..scan._lanes import LARGE, copy
from ..scan._parallel import task
from ..scan._threads import torch_threads


@njit(error_model="numpy", forceinline=False)
def plus(target, source):
    apart()
    whole_lines()
    for n in range(len(target)):
        target[n] += source[n]


@njit(error_model="numpy", forceinline=False)
def plus_times(target, factor, source):
    apart()
    whole_lines()
    for n in range(len(target)):
        target[n] += factor * source[n]


@njit(error_model="numpy")
def add(target, value, e, source):
    """Event e's share."""
    if value is None:
        plus(target, source)
    else:
        plus_times(target, value[e], source)


@njit(error_model="numpy")
def by_step(step, first, last, begin, steps):
    """(ends, order): the events first to last in order of their steps, at one step as they come; those at step
    begin + k end before order[ends[k]]."""
    ends, order = np.zeros(steps + 1, np.int64), np.empty(last - first, np.int64)
    for e in range(first, last):
        ends[step[e] - begin + 1] += 1
    for k in range(steps):
        ends[k + 1] += ends[k]
    for e in range(first, last):
        k = step[e] - begin
        order[ends[k]] = e
        ends[k] += 1
    return ends, order


@task(error_model="numpy")
def gather(number, weight, bias, step, channel, value, starts, span, out, past):
    """Events starts[number] to starts[number + 1]: of row number // spans, steps from number % spans · span on. value:
    what each adds, or None: 1. past: whether to write past the caches, where rows begin at lines of them."""
    T, B, _ = out.shape
    spans = (len(starts) - 1) // max(B, 1)
    row, begin = number // spans, number % spans * span
    steps = max(min(span, T - begin), 0)
    ends, order = by_step(step, starts[number], starts[number + 1], begin, steps)
    room, done = np.empty_like(bias), 0
    weight, out, room = borrowed(weight), borrowed(out), borrowed(room)
    for k in range(steps):
        total = room if past else out[begin + k, row]
        copy(bias, total)
        for j in range(done, ends[k]):
            add(total, value, order[j], weight[channel[order[j]]])
        if past:
            write(total, out[begin + k, row], True)
        done = ends[k]
    settle()
    return 0


@task(error_model="numpy")
def scatter(number, grad, step, row, channel, value, tables):
    parts = len(tables)
    share = (len(step) + parts - 1) // parts
    tables[number] = 0
    grad, table = borrowed(grad), borrowed(tables[number])
    for e in range(number * share, min((number + 1) * share, len(step))):
        add(table[channel[e]], value, e, grad[step[e], row[e]])
    return 0


def _values(value: Tensor) -> np.ndarray | None:
    return value.numpy() if len(value) else None


def forward(
    weight: Tensor, bias: Tensor, step: Tensor, row: Tensor, channel: Tensor, value: Tensor, steps: int, rows: int
) -> Tensor:
    """Same signature as the reference."""
    spans = max(1, min(-(-torch_threads() // max(rows, 1)), steps))
    span = -(-steps // spans)
    owner, *events = row.numpy(), step.numpy(), channel.numpy(), _values(value)
    if spans > 1:
        owner = owner * spans + events[0] // span
    if (owner[1:] < owner[:-1]).any():
        order = np.argsort(owner.astype(np.min_scalar_type(rows * spans)), kind="stable")  # short numbers sort fast
        owner, *events = (None if column is None else column[order] for column in (owner, *events))
    starts = np.searchsorted(owner, np.arange(rows * spans + 1, dtype=np.int32))
    out = torch.empty((steps, rows, weight.shape[1]), dtype=accumulate_dtype(weight))
    table, start = (tensor.to(out.dtype).numpy() for tensor in (weight, bias))
    past = out.nbytes >= LARGE and (out.data_ptr() | out[:1, :1].nbytes) % LINE == 0
    gather(rows * spans, table, start, *events, starts, span, out.numpy(), past)
    return out.to(weight.dtype)


def backward(grad: Tensor, step: Tensor, row: Tensor, channel: Tensor, value: Tensor, channels: int) -> Tensor:
    """Same signature as the reference."""
    wide = grad.to(accumulate_dtype(grad))
    tables = wide.new_empty((torch_threads(), channels, grad.shape[2]))
    events = step.numpy(), row.numpy(), channel.numpy(), _values(value)
    scatter(len(tables), wide.numpy(), *events, tables.numpy())
    return tables.sum(0).to(grad.dtype)
