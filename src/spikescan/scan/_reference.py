"""The definition: v[t] = a v[t-1] + x[t], a loop over time for any device and dtype."""

import torch
from torch import Tensor


def linear_scan(x: Tensor, decay: Tensor, initial: Tensor | None, reverse: bool) -> Tensor:
    """x (T, B, N), decay (N,), initial (B, N) or None -> v (T, B, N), in the dtype of x."""
    v = torch.zeros_like(x[0]) if initial is None else initial
    out = []
    for current in x.flip(0) if reverse else x:
        v = decay * v + current
        out.append(v)
    return torch.stack(out[::-1] if reverse else out)
