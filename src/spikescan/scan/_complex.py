"""A complex decay: two real states that turn, which is what a resonator integrates."""

from collections.abc import Callable

import torch
from torch import Tensor

Integrate = Callable[[Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
"""(current (T, B, N), coupling (7, N) float64, i[-1] and u[-1] (B, N)) to i and u of all steps (see `fused`)."""


def complex_scan(x: Tensor, decay: Tensor, initial: Tensor | None, reverse: bool, integrate: Integrate) -> Tensor:
    """The real and the imaginary part of x, side by side along the batch, each drive a pair of states."""
    parts = torch.cat([x.real, x.imag], 1).flip(0) if reverse else torch.cat([x.real, x.imag], 1)
    real, imaginary = decay.real.to(torch.float64), decay.imag.to(torch.float64)
    none, one = torch.zeros_like(real), torch.ones_like(real)
    coupling = torch.stack([real, imaginary, none, real, -imaginary, one, none])
    start = torch.zeros_like(x[0]) if initial is None else initial
    nothing = torch.zeros_like(parts[0, len(start) :])
    states = integrate(parts, coupling, torch.cat([start.imag, nothing]), torch.cat([start.real, nothing]))
    (i_real, i_imag), (u_real, u_imag) = (part.flip(0).chunk(2, 1) if reverse else part.chunk(2, 1) for part in states)
    return torch.complex(u_real - i_imag, i_real + u_imag)
