"""The definition: out[t, b] = bias + Σ over the events (t, b, c, v) of v·weight[c]."""

import torch
from torch import Tensor


def forward(
    weight: Tensor, bias: Tensor, step: Tensor, row: Tensor, channel: Tensor, value: Tensor, steps: int, rows: int
) -> Tensor:
    """weight (C, N), bias (N,); events (E,), `value` empty where each counts 1 -> (T, B, N)."""
    terms = weight[channel.long()]
    terms = terms * value[:, None] if len(value) else terms
    out = bias.repeat(steps * rows, 1)
    return out.index_add_(0, step.long() * rows + row, terms).view(steps, rows, -1)


def backward(grad: Tensor, step: Tensor, row: Tensor, channel: Tensor, value: Tensor, channels: int) -> Tensor:
    """The gradient of the weight, (C, N), from grad (T, B, N)."""
    terms = grad[step.long(), row.long()]
    terms = terms * value[:, None] if len(value) else terms
    return torch.zeros((channels, grad.shape[2]), dtype=grad.dtype, device=grad.device).index_add_(
        0, channel.long(), terms
    )
