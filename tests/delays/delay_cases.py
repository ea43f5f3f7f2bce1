"""Delays as other code computes them: torch's depthwise convolution, and padding by hand."""

import torch
from torch import Tensor
from torch.nn import functional as F

import spikescan as ss
from spikescan.delays._autograd import filtered, shifted

# name: (T, B, N), D
CASES = {
    "one of each": ((1, 1, 1), 2),
    "no delay": ((70, 2, 5), 1),
    "shorter than the delay": ((5, 2, 3), 9),
    "a whole tile": ((64, 3, 64), 25),
    "a vector and a part": ((65, 2, 21), 8),
    "a block of taps": ((100, 2, 70), 32),
    "a tap more": ((100, 2, 70), 33),
    "more blocks": ((130, 1, 5), 100),
    "many rows": ((30, 37, 6), 12),
    "many features": ((20, 2, 600), 7),
    "past the caches": ((200, 18, 128), 25),
    "no rows": ((4, 0, 3), 5),
}


def convolved(x: Tensor, taps: Tensor, history: Tensor | None, lengths: Tensor | None) -> Tensor:
    """What `filtered` gives, by `conv1d` in float64 over zeros in the place of padding."""
    (steps, rows, features), before = x.shape, len(taps) - 1
    valid = torch.ones(steps, rows) if lengths is None else (torch.arange(steps)[:, None] < lengths)
    start = torch.zeros(before, rows, features, dtype=torch.float64) if history is None else history.double()
    joined = torch.cat([start, x.double() * valid[..., None]]).permute(1, 2, 0)
    y = F.conv1d(joined, taps.double().flip(0).t()[:, None], groups=features)
    return y.permute(2, 0, 1) * valid[..., None]


def with_gradients(function, *operands: Tensor | None) -> list[Tensor]:
    """What it gives, and the gradients of its operands, under a cotangent that is always the same."""
    leaves = [None if x is None else x.detach().clone().requires_grad_() for x in operands]
    y = function(*leaves)
    generator = torch.Generator().manual_seed(3)
    cotangent = torch.randn(y.shape, generator=generator).to(y)
    there = [leaf for leaf in leaves if leaf is not None]
    gradients = torch.autograd.grad(y, there, cotangent, allow_unused=True, materialize_grads=True)
    return [y.detach(), *gradients]


def operands_of(case: str, dtype: torch.dtype, history: bool, padded: bool):
    """x, taps, history, lengths and whole shifts."""
    (steps, rows, features), taps = CASES[case]
    x = torch.randn(steps, rows, features, dtype=dtype)
    before = torch.randn(taps - 1, rows, features, dtype=dtype) if history else None
    lengths = torch.arange(rows) * 7 % (steps + 1) if padded else None
    return x, torch.rand(taps, features, dtype=dtype), before, lengths, torch.randint(taps, (features,))


def by_filter(backend: str, x, taps, history, lengths):
    return with_gradients(lambda x, taps, history: filtered(x, taps, history, lengths, backend), x, taps, history)


def by_shift(backend: str, x, shift, reach, history, lengths):
    return with_gradients(lambda x, history: shifted(x, shift, history, lengths, reach, backend), x, history)


def axonal(features=5, taps: int = 9, **options) -> ss.AxonalDelay:
    """In float64, of steps of 1 ms."""
    return ss.AxonalDelay(features, (taps - 1) * 1e-3, **options).double()
