"""The definition: out[t, b] = bias + Σ over the events (t, b, c, v) of v·weight[c]."""

from torch import Tensor

from ..scan._checks import accumulate_dtype


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
    """weight (C, N), bias (N,) or None; events (E,), `value` None where each counts 1 -> (T, B, N)."""
    terms = _times(weight[channel.long()].to(accumulate_dtype(weight)), value)
    start = terms.new_zeros(weight.shape[1]) if bias is None else bias.to(terms.dtype)
    out = start.repeat(steps * rows, 1).index_add_(0, step.long() * rows + row, terms)
    return out.view(steps, rows, weight.shape[1]).to(weight.dtype)


def backward(grad: Tensor, step: Tensor, row: Tensor, channel: Tensor, value: Tensor | None, channels: int) -> Tensor:
    """The gradient of the weight, (C, N), from grad (T, B, N)."""
    terms = _times(grad[step.long(), row.long()].to(accumulate_dtype(grad)), value)
    return terms.new_zeros((channels, grad.shape[2])).index_add_(0, channel.long(), terms).to(grad.dtype)


def _times(terms: Tensor, value: Tensor | None) -> Tensor:
    return terms if value is None else terms * value[:, None]
