"""The operator, its adjoint, and where it is taken. There is no reference beside it: that is torch's own product."""

import torch
from torch import Tensor
from torch.nn import functional as F

from .. import native
from ..scan._operators import Operator, watched
from ..scan._select import check_backend, lazy, resolve
from ._product import linear, plain, unwatched

SERVED = "auto", "reference", "native"
WORD = 32  # bits of an int32
ROWS, INPUTS = 4096, 32
"""From these on tables are worth their making; see benchmarks/README.md."""
multiply = lazy("spikescan.binary._native", "forward")
accumulate = lazy("spikescan.binary._native", "backward")


def wide() -> bool:
    """Whether this processor looks up 16 floats at once, and the kernels do."""
    return native.isa() == "v4" and not native.missing()


def _forward(spikes: Tensor, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """spikes (M, K), weight (N, K), bias (N,) -> the product (M, N); the spikes as bits, 32 inputs a word; whether they
    were none: where any is neither 0 nor 1, the product is the ordinary one."""
    out, bits, odd = _forward_fake(spikes, weight, bias)
    odd.fill_(multiply(spikes, weight, bias, out, bits))
    return linear(spikes, weight, bias) if odd else out, bits, odd


def _forward_fake(spikes, weight, bias):
    (M, K), N = spikes.shape, len(weight)
    bits = spikes.new_empty((-(-K // WORD), M), dtype=torch.int32)
    return spikes.new_empty((M, N)), bits, spikes.new_empty((), dtype=torch.bool)


def _adjoint(grad: Tensor, bits: Tensor, odd: Tensor, dense: Tensor | None, inputs: int) -> tuple[Tensor, Tensor]:
    """The gradients of weight and bias. dense: the spikes themselves, where they are `odd` or may be."""
    if odd:
        assert dense is not None
        return grad.t() @ dense, grad.sum(0)
    return accumulate(grad, bits, inputs)


def _adjoint_fake(grad, bits, odd, dense, inputs):
    return grad.new_empty((grad.shape[1], inputs)), grad.new_empty(grad.shape[1:])


def _setup(ctx, inputs, output) -> None:
    """Bits are kept where a weight learns. Who traces this cannot see whether they suffice, and keeps the spikes as
    well."""
    spikes, weight, _ = inputs
    _, bits, odd = output
    passes, *learns = ctx.needs_input_grad
    kept = (bits, odd, spikes if watched((odd,)) or odd else None) if any(learns) else (None, None, None)
    ctx.save_for_backward(weight if passes else None, *kept)
    ctx.inputs = spikes.shape[1]
    ctx.set_materialize_grads(False)


def _backward(ctx, grad: Tensor | None, *_: None):
    if grad is None:
        return None, None, None
    weight, bits, odd, dense = ctx.saved_tensors
    grad, spikes = grad.contiguous(), None
    if ctx.needs_input_grad[0]:
        spikes = linear(grad, weight.t())
    if not any(ctx.needs_input_grad[1:]):
        return spikes, None, None
    weight, bias = adjoint_op(grad, bits, odd, dense, ctx.inputs)
    return spikes, weight, bias if ctx.needs_input_grad[2] else None


linear_op = Operator("spike_linear", _forward, _forward_fake, _setup, _backward)
adjoint_op = Operator("spike_linear_backward", _adjoint, _adjoint_fake)


def spike_linear(spikes: Tensor, weight: Tensor, bias: Tensor | None = None, backend: str = "auto") -> Tensor:
    """What `torch.nn.functional.linear` gives, quicker where the input is 0 or 1, and right where it is not.

    On a CPU whose vectors have 16 floats (AVX-512), 16 combinations of four inputs are looked up at once in the 16 sums
    of their weights: a quarter of the operations, forward and for the weight's gradient. For the backward pass a bit of
    each input is kept in place of the number. Sums are taken in another order than the ordinary product takes them.

    Args:
        spikes: (..., K). A value that is neither 0 nor 1, NaN included, makes the whole call the ordinary product.
        weight: (N, K), bias: (N,) or None, as of `nn.Linear`. A weight that is not finite counts where a spike is.
        backend: "auto" takes tables for float32 on such a CPU, from 4096 rows of 32 inputs on, where no autocast and no
            transform of torch.func or forward-mode derivative is at work, else the ordinary product; "native" insists
            on them, on any CPU; "reference" is the ordinary product, which alone offers double backward.
    Returns:
        (..., N), of the operands' dtype.
    Raises:
        ValueError: shapes that do not fit each other, a backend that does not serve the operands.
    """
    if spikes.dim() == 0:
        raise ValueError("spikes: (..., K) is needed, found a single number")
    if weight.dim() != 2 or weight.shape[1] != spikes.shape[-1]:
        raise ValueError(
            f"weight: (N, {spikes.shape[-1]}) is needed for {spikes.shape[-1]} inputs, found {tuple(weight.shape)}"
        )
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f"bias: ({len(weight)},) is needed, found {tuple(bias.shape)}")
    if not _by_tables(check_served(backend), spikes, weight, bias):
        product = F.linear if backend == "reference" else linear
        return product(spikes, weight, bias)
    start = None if bias is None else bias.contiguous()
    out, _, _ = linear_op(spikes.reshape(-1, spikes.shape[-1]).contiguous(), weight.contiguous(), start)
    return out.view(*spikes.shape[:-1], len(weight))


def check_served(backend: str) -> str:
    if check_backend(backend) not in SERVED:
        raise ValueError(f"backend: {backend!r} has no layer for spikes; it is served by {', '.join(SERVED)}")
    return backend


def _by_tables(backend: str, spikes: Tensor, weight: Tensor, bias: Tensor | None) -> bool:
    operands = (spikes, weight) if bias is None else (spikes, weight, bias)
    if backend == "native":
        for x in operands:
            if not plain(x):
                raise ValueError(
                    f"backend: 'native' needs float32 on cpu, found {x.dtype} on {x.device.type}, {x.layout}"
                )
        resolve(backend, spikes.device, spikes.dtype)
        return spikes.numel() * len(weight) > 0
    if backend == "reference" or not (wide() and unwatched() and all(map(plain, operands))):
        return False
    return spikes.shape[-1] >= INPUTS and spikes.numel() >= ROWS * spikes.shape[-1]
