"""Products with spikes on the CPU: operands for `src/kernels/spikes.cpp`."""

from ctypes import c_int64, c_void_p

import torch
from torch import Tensor

from ..native import Operands, operation, pointer, threads

GROUP, COLUMNS, ENTRIES, ROWS, LANES = 4, 4, 16, 128, 64
"""Inputs of a table, columns done together, numbers of a table, rows done together, and whole lanes."""
SHARES = 4
"""Of a thread, in the forward pass: one that is held up leaves some to the others."""


class Spikes(Operands):
    """`struct Spikes` of `spikescan.h`, which says what each field is."""

    _fields_ = (
        *((name, c_int64) for name in ("rows", "inputs", "outputs", "threads", "shares")),
        *((name, c_void_p) for name in ("bits", "index", "spikes", "weight", "bias", "tables", "out")),
        *((name, c_void_p) for name in ("grad", "sums", "totals")),
    )


_product, _gradient = operation("spike_product", Spikes), operation("spike_gradient", Spikes)


def forward(spikes: Tensor, weight: Tensor, bias: Tensor | None, out: Tensor, bits: Tensor) -> bool:
    """Fills `out` and `bits`; says whether they are worth nothing, because not all inputs are 0 or 1."""
    (rows, inputs), outputs = spikes.shape, len(weight)
    shares, groups = SHARES * threads(), _parts(inputs, GROUP)
    index = torch.empty((shares, groups, ROWS), dtype=torch.int32)
    tables = torch.empty((_parts(outputs, COLUMNS), groups, COLUMNS * ENTRIES))
    x = Spikes(rows=rows, inputs=inputs, outputs=outputs, threads=threads(), shares=shares)
    x.bits, x.index, x.spikes, x.weight = pointer(bits), pointer(index), pointer(spikes), pointer(weight)
    x.bias, x.tables, x.out = pointer(bias), pointer(tables), pointer(out)
    return bool(_product(x))


def backward(grad: Tensor, bits: Tensor, inputs: int) -> tuple[Tensor, Tensor]:
    """The gradients of weight and bias, (N, inputs) and (N,)."""
    (rows, outputs), shares = grad.shape, threads()
    columns, lanes = _parts(outputs, COLUMNS) * COLUMNS, _parts(inputs, LANES) * LANES
    index = torch.empty((shares, ROWS // GROUP, lanes), dtype=torch.int32)
    sums, totals = torch.empty((shares, columns, lanes)), torch.empty((shares, columns))
    x = Spikes(rows=rows, inputs=inputs, outputs=outputs, threads=threads(), shares=shares)
    x.bits, x.index, x.grad = pointer(bits), pointer(index), pointer(grad)
    x.sums, x.totals = pointer(sums), pointer(totals)
    _gradient(x)
    return sums.sum(0)[:outputs, :inputs].contiguous(), totals.sum(0)[:outputs].contiguous()


def _parts(size: int, unit: int) -> int:
    return -(-size // unit)
