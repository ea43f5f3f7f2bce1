"""The scan on the CPU: one pass over memory, features inside and vectorised, rows in parallel."""

import numpy as np
import torch
from numba import njit, prange
from torch import Tensor

from ._threads import use_torch_threads

BLOCK = 1024


@njit(parallel=True, cache=True, error_model="numpy")
def scan(x, decay, initial, reverse, out):
    T, B, N = x.shape
    blocks = (N + BLOCK - 1) // BLOCK
    for task in prange(B * blocks):
        row, lo = task // blocks, (task % blocks) * BLOCK
        hi = min(lo + BLOCK, N)
        v, a = initial[row, lo:hi].copy(), decay[lo:hi]
        for k in range(T):
            t = T - 1 - k if reverse else k
            source, target = x[t, row, lo:hi], out[t, row, lo:hi]
            for n in range(hi - lo):
                v[n] = a[n] * v[n] + source[n]
                target[n] = v[n]


def linear_scan(x: Tensor, decay: Tensor, initial: Tensor | None, reverse: bool) -> Tensor:
    """Same signature as the reference."""
    use_torch_threads()
    out = torch.empty_like(x)
    start = np.zeros(x.shape[1:], x.numpy().dtype) if initial is None else initial.numpy()
    scan(x.numpy(), decay.numpy(), start, reverse, out.numpy())
    return out
