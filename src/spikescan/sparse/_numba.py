"""Gathering weight rows on the CPU. A task of the output is one batch row, or where these are fewer than the threads a
span of time of one; the weight's gradient is summed in one table a thread."""

import numpy as np
import torch
from numba import prange
from torch import Tensor

from ..scan._checks import accumulate_dtype
from ..scan._lanes import compiled
from ..scan._threads import use_torch_threads


@compiled(error_model="numpy")
def gather(weight, bias, step, channel, value, starts, span, out):
    """Events starts[k] to starts[k + 1] are those of task k: row k // spans, steps from k % spans · span on."""
    T, B, N = out.shape
    spans = (len(starts) - 1) // max(B, 1)
    for task in prange(len(starts) - 1):
        row, begin = task // spans, task % spans * span
        for t in range(begin, min(begin + span, T)):
            target = out[t, row]
            for n in range(N):
                target[n] = bias[n]
        for e in range(starts[task], starts[task + 1]):
            target, source = out[step[e], row], weight[channel[e]]
            if len(value):
                for n in range(N):
                    target[n] += value[e] * source[n]
            else:
                for n in range(N):
                    target[n] += source[n]


@compiled(error_model="numpy")
def scatter(grad, step, row, channel, value, tables):
    parts, _, N = tables.shape
    share = (len(step) + parts - 1) // parts
    for part in prange(parts):
        tables[part] = 0
        for e in range(part * share, min((part + 1) * share, len(step))):
            target, source = tables[part, channel[e]], grad[step[e], row[e]]
            if len(value):
                for n in range(N):
                    target[n] += value[e] * source[n]
            else:
                for n in range(N):
                    target[n] += source[n]


def forward(
    weight: Tensor, bias: Tensor, step: Tensor, row: Tensor, channel: Tensor, value: Tensor, steps: int, rows: int
) -> Tensor:
    """Same signature as the reference."""
    spans = max(1, min(-(-use_torch_threads() // max(rows, 1)), steps))
    span = -(-steps // spans)
    task, *events = (tensor.numpy() for tensor in (row, step, channel, value))
    if spans > 1:
        task = task * spans + events[0] // span
    if (task[1:] < task[:-1]).any():
        order = np.argsort(task.astype(np.min_scalar_type(rows * spans)), kind="stable")  # short numbers sort fast
        task, *events = (column[order] if len(column) else column for column in (task, *events))
    starts = np.searchsorted(task, np.arange(rows * spans + 1, dtype=np.int32))
    out = torch.empty((steps, rows, weight.shape[1]), dtype=accumulate_dtype(weight))
    gather(weight.to(out.dtype).numpy(), bias.to(out.dtype).numpy(), *events, starts, span, out.numpy())
    return out.to(weight.dtype)


def backward(grad: Tensor, step: Tensor, row: Tensor, channel: Tensor, value: Tensor, channels: int) -> Tensor:
    """Same signature as the reference."""
    wide = grad.to(accumulate_dtype(grad))
    tables = wide.new_empty((use_torch_threads(), channels, grad.shape[2]))
    scatter(*(tensor.numpy() for tensor in (wide, step, row, channel, value, tables)))
    return tables.sum(0).to(grad.dtype)
