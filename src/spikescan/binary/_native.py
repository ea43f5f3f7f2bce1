"""Products with spikes on the CPU: operands for `src/kernels/spikes.cpp`."""

import torch
from torch import Tensor

from ..native import operation, threads

GROUP, COLUMNS, ENTRIES, ROWS, LANES = 4, 4, 16, 128, 64
"""Inputs of a table, columns done together, numbers of a table, rows done together, and whole lanes."""
SHARES = 4
"""Of a thread, in the forward pass: one that is held up leaves some to the others."""


_product, _gradient = operation("spike_product", "Spikes"), operation("spike_gradient", "Spikes")


def forward(spikes: Tensor, weight: Tensor, bias: Tensor | None, out: Tensor, bits: Tensor) -> bool:
    """Fills `out` and `bits`; says whether they are worth nothing, because not all inputs are 0 or 1."""
    (rows, inputs), outputs = spikes.shape, len(weight)
    shares, groups = SHARES * threads(), _parts(inputs, GROUP)
    index = torch.empty((shares, groups, ROWS), dtype=torch.int32)
    tables = torch.empty((_parts(outputs, COLUMNS), groups, COLUMNS * ENTRIES))
    shape = {"rows": rows, "inputs": inputs, "outputs": outputs, "threads": threads(), "shares": shares}
    given = {"spikes": spikes, "weight": weight, "bias": bias}
    return bool(_product(shape, **given, bits=bits, index=index, tables=tables, out=out))


def backward(grad: Tensor, bits: Tensor, inputs: int) -> tuple[Tensor, Tensor]:
    """The gradients of weight and bias, (N, inputs) and (N,)."""
    (rows, outputs), shares = grad.shape, threads()
    columns, lanes = _parts(outputs, COLUMNS) * COLUMNS, _parts(inputs, LANES) * LANES
    index = torch.empty((shares, ROWS // GROUP, lanes), dtype=torch.int32)
    sums, totals = torch.empty((shares, columns, lanes)), torch.empty((shares, columns))
    shape = {"rows": rows, "inputs": inputs, "outputs": outputs, "threads": shares, "shares": shares}
    _gradient(shape, bits=bits, index=index, grad=grad, sums=sums, totals=totals)
    return sums.sum(0)[:outputs, :inputs].contiguous(), totals.sum(0)[:outputs].contiguous()


def _parts(size: int, unit: int) -> int:
    return -(-size // unit)
