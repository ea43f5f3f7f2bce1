"""The definition: out[t, b] = bias + Σ over the events (t, b, c, v) of v·weight[c]."""

from torch import Tensor

from ..scan._checks import accumulate_dtype


def forward(
    weight: Tensor, bias: Tensor, step: Tensor, row: Tensor, channel: Tensor, value: Tensor, steps: int, rows: int
) -> Tensor:
    """weight (C, N), bias (N,); events (E,), `value` empty where each counts 1 -> (T, B, N)."""
    inside = accumulate_dtype(weight)
    terms = weight[channel.long()].to(inside)
    terms = terms * value[:, None] if len(value) else terms
    out = bias.to(inside).repeat(steps * rows, 1).index_add_(0, step.long() * rows + row, terms)
    return out.view(steps, rows, weight.shape[1]).to(weight.dtype)


def backward(grad: Tensor, step: Tensor, row: Tensor, channel: Tensor, value: Tensor, channels: int) -> Tensor:
    """The gradient of the weight, (C, N), from grad (T, B, N)."""
    terms = grad[step.long(), row.long()].to(accumulate_dtype(grad))
    terms = terms * value[:, None] if len(value) else terms
    return terms.new_zeros((channels, grad.shape[2])).index_add_(0, channel.long(), terms).to(grad.dtype)
