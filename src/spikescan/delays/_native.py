"""Delays on the CPU: operands for `src/kernels/delay.cpp`."""

import torch
from torch import Tensor

from ..native import operation, threads

GROUPS = 16
"""Of batch rows, at most: each sums the gradient of the taps in a table of its own."""
_delay, _delay_backward = operation("delay", "Delay"), operation("delay_backward", "Delay")


def _sizes(x: Tensor, taps: int) -> dict[str, int]:
    steps, rows, features = x.shape
    sizes = {"steps": steps, "rows": rows, "features": features, "taps": taps, "threads": threads()}
    return {**sizes, "groups": max(1, min(rows, GROUPS)), "wide": x.dtype == torch.float64}


def filtered(x: Tensor, taps: Tensor, history: Tensor | None, lengths: Tensor | None) -> Tensor:
    """Same signature as the reference."""
    out = torch.empty_like(x)
    _delay(_sizes(x, len(taps)), x=x, filter=taps, history=history, lengths=lengths, out=out)
    return out


def shifted(x: Tensor, shift: Tensor, reach: int, history: Tensor | None, lengths: Tensor | None) -> Tensor:
    """Same signature as the reference."""
    out = torch.empty_like(x)
    _delay(_sizes(x, reach + 1), x=x, shift=shift, history=history, lengths=lengths, out=out)
    return out


def backward(grad: Tensor, x: Tensor, taps: Tensor, history: Tensor | None, lengths: Tensor | None, results) -> None:
    """Fills `results`: the gradients of x, taps and history; None is not wanted."""
    sizes, (grad_x, grad_taps, grad_history) = _sizes(x, len(taps)), results
    tables = None if grad_taps is None else taps.new_empty((sizes["groups"], *taps.shape))
    operands = {"grad": grad, "x": x, "filter": taps, "history": history, "lengths": lengths, "tables": tables}
    _delay_backward(sizes, **operands, grad_x=grad_x, grad_filter=grad_taps, grad_history=grad_history)
