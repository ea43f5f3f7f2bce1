"""Gathering weight rows on the CPU: operands for `src/kernels/events.cpp`."""

from ctypes import c_int32, c_int64, c_void_p

import torch
from torch import Tensor

from ..native import Operands, operation, pointer, threads
from ..scan._checks import accumulate_dtype


class Events(Operands):
    """`struct Events` of `spikescan.h`, which says what each field is."""

    _fields_ = (
        *((name, c_int64) for name in ("events", "steps", "rows", "channels", "features", "threads", "spans")),
        ("wide", c_int32),
        *((name, c_void_p) for name in ("step", "row", "channel", "value")),
        *((name, c_void_p) for name in ("weight", "bias", "ends", "sorted_channel", "sorted_value", "out")),
        *((name, c_void_p) for name in ("grad", "tables")),
    )


_gather, _scatter = operation("gather", Events), operation("scatter", Events)


def _events(step: Tensor, row: Tensor, channel: Tensor, value: Tensor | None) -> Events:
    return Events(
        events=len(step), step=pointer(step), row=pointer(row), channel=pointer(channel), value=pointer(value)
    )


def _set_shape(x: Events, sequence: Tensor, channels: int) -> None:
    x.steps, x.rows, x.features = sequence.shape
    x.channels, x.threads, x.wide = channels, threads(), sequence.dtype == torch.float64


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
    x = _events(step, row, channel, value)
    _set_shape(x, out, len(weight))
    x.spans = max(1, min(-(-x.threads // max(rows, 1)), steps))  # few rows leave threads without work
    table, start = weight.to(out.dtype), None if bias is None else bias.to(out.dtype)
    ends, sorted_channel = torch.empty((rows, steps), dtype=torch.int64), torch.empty_like(channel)
    sorted_value = None if value is None else torch.empty_like(value)
    x.weight, x.bias, x.out = pointer(table), pointer(start), pointer(out)
    x.ends, x.sorted_channel, x.sorted_value = pointer(ends), pointer(sorted_channel), pointer(sorted_value)
    _gather(x)
    return out.to(weight.dtype)


def backward(grad: Tensor, step: Tensor, row: Tensor, channel: Tensor, value: Tensor | None, channels: int) -> Tensor:
    """Same signature as the reference."""
    wide = grad.to(accumulate_dtype(grad))
    x = _events(step, row, channel, value)
    _set_shape(x, wide, channels)
    tables = wide.new_empty((x.threads, channels, grad.shape[2]))
    x.grad, x.tables = pointer(wide), pointer(tables)
    _scatter(x)
    return tables.sum(0).to(grad.dtype)
