"""Gathering weight rows on the CPU: operands for `src/kernels/events.cpp`."""

import torch
from torch import Tensor

from ..native import operation, threads
from ..scan._checks import accumulate_dtype

_gather, _scatter = operation("gather", "Events"), operation("scatter", "Events")


def _shape(sequence: Tensor, channels: int, events: int) -> dict[str, int]:
    steps, rows, features = sequence.shape
    sizes = {"events": events, "steps": steps, "rows": rows, "channels": channels, "features": features}
    return {**sizes, "threads": threads(), "wide": sequence.dtype == torch.float64}


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
    out = torch.empty((steps, rows, weight.shape[1]), dtype=accumulate_dtype(weight))
    shape = _shape(out, len(weight), len(step))
    shape["spans"] = max(1, min(-(-shape["threads"] // max(rows, 1)), steps))  # few rows leave threads without work
    _gather(
        shape,
        step=step,
        row=row,
        channel=channel,
        value=value,
        weight=weight.to(out.dtype),
        bias=None if bias is None else bias.to(out.dtype),
        ends=torch.empty((rows, steps), dtype=torch.int64),
        sorted_channel=torch.empty_like(channel),
        sorted_value=None if value is None else torch.empty_like(value),
        out=out,
    )
    return out.to(weight.dtype)


def backward(grad: Tensor, step: Tensor, row: Tensor, channel: Tensor, value: Tensor | None, channels: int) -> Tensor:
    """Same signature as the reference."""
    wide = grad.to(accumulate_dtype(grad))
    shape = _shape(wide, channels, len(step))
    tables = wide.new_empty((shape["threads"], channels, grad.shape[2]))
    _scatter(shape, step=step, row=row, channel=channel, value=value, grad=wide, tables=tables)
    return tables.sum(0).to(grad.dtype)
