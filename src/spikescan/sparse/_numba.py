"""Gathering weight rows on the CPU. A task of the output is one batch row, or where these are fewer than the threads a
span of time of one; the weight's gradient is summed in one table a thread."""

import numpy as np
import torch
from torch import Tensor

from ..scan._checks import accumulate_dtype
from ..scan._parallel import task
from ..scan._threads import torch_threads


@task(error_model="numpy")
def gather(number, weight, bias, step, channel, value, starts, span, out):
    """Events starts[number] to starts[number + 1]: of row number // spans, steps from number % spans · span on."""
    T, B, N = out.shape
    spans = (len(starts) - 1) // max(B, 1)
    row, begin = number // spans, number % spans * span
    for t in range(begin, min(begin + span, T)):
        target = out[t, row]
        for n in range(N):
            target[n] = bias[n]
    for e in range(starts[number], starts[number + 1]):
        target, source = out[step[e], row], weight[channel[e]]
        if len(value):
            for n in range(N):
                target[n] += value[e] * source[n]
        else:
            for n in range(N):
                target[n] += source[n]
    return 0


@task(error_model="numpy")
def scatter(number, grad, step, row, channel, value, tables):
    parts, _, N = tables.shape
    share = (len(step) + parts - 1) // parts
    tables[number] = 0
    for e in range(number * share, min((number + 1) * share, len(step))):
        target, source = tables[number, channel[e]], grad[step[e], row[e]]
        if len(value):
            for n in range(N):
                target[n] += value[e] * source[n]
        else:
            for n in range(N):
                target[n] += source[n]
    return 0


def forward(
    weight: Tensor, bias: Tensor, step: Tensor, row: Tensor, channel: Tensor, value: Tensor, steps: int, rows: int
) -> Tensor:
    """Same signature as the reference."""
    spans = max(1, min(-(-torch_threads() // max(rows, 1)), steps))
    span = -(-steps // spans)
    owner, *events = (tensor.numpy() for tensor in (row, step, channel, value))
    if spans > 1:
        owner = owner * spans + events[0] // span
    if (owner[1:] < owner[:-1]).any():
        order = np.argsort(owner.astype(np.min_scalar_type(rows * spans)), kind="stable")  # short numbers sort fast
        owner, *events = (column[order] if len(column) else column for column in (owner, *events))
    starts = np.searchsorted(owner, np.arange(rows * spans + 1, dtype=np.int32))
    out = torch.empty((steps, rows, weight.shape[1]), dtype=accumulate_dtype(weight))
    table, start = (tensor.to(out.dtype).numpy() for tensor in (weight, bias))
    gather(rows * spans, table, start, *events, starts, span, out.numpy())
    return out.to(weight.dtype)


def backward(grad: Tensor, step: Tensor, row: Tensor, channel: Tensor, value: Tensor, channels: int) -> Tensor:
    """Same signature as the reference."""
    wide = grad.to(accumulate_dtype(grad))
    tables = wide.new_empty((torch_threads(), channels, grad.shape[2]))
    scatter(len(tables), *(tensor.numpy() for tensor in (wide, step, row, channel, value, tables)))
    return tables.sum(0).to(grad.dtype)
