"""Gathering weight rows on the CPU. Events of one batch row lie together, so rows are independent tasks; the weight's
gradient is summed in one table a thread."""

import numba
import numpy as np
import torch
from numba import prange
from torch import Tensor

from ..scan._lanes import compiled
from ..scan._threads import use_torch_threads


@compiled(error_model="numpy")
def gather(weight, bias, step, channel, value, starts, out):
    T, B, N = out.shape
    for row in prange(B):
        for t in range(T):
            target = out[t, row]
            for n in range(N):
                target[n] = bias[n]
        for e in range(starts[row], starts[row + 1]):
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
    order = None if _rising(row) else torch.argsort(row, stable=True)
    if order is not None:
        step, row, channel = step[order], row[order], channel[order]
        value = value[order] if len(value) else value
    use_torch_threads()
    starts = np.searchsorted(row.numpy(), np.arange(rows + 1))
    out = torch.empty((steps, rows, weight.shape[1]), dtype=weight.dtype)
    arrays = (tensor.numpy() for tensor in (weight, bias, step, channel, value))
    gather(*arrays, starts, out.numpy())
    return out


def _rising(row: Tensor) -> bool:
    return len(row) < 2 or bool((row[1:] >= row[:-1]).all())


def backward(grad: Tensor, step: Tensor, row: Tensor, channel: Tensor, value: Tensor, channels: int) -> Tensor:
    """Same signature as the reference."""
    use_torch_threads()
    tables = torch.empty((numba.get_num_threads(), channels, grad.shape[2]), dtype=grad.dtype)
    scatter(grad.numpy(), step.numpy(), row.numpy(), channel.numpy(), value.numpy(), tables.numpy())
    return tables.sum(0)
