"""The scan on the CPU. It is what a leaky neuron computes that has one leak and does not fire, and reversed it is the
adjoint of that; so the kernels are those of the neurons (`src/kernels/forward.cpp`, `backward.cpp`)."""

import torch
from torch import Tensor

from ..native import operation, threads

FEW, LONG = 16, 4096
"""Lanes a thread below which time is cut among threads as well, and steps from which that is worth it."""
forward, backward = operation("forward", "Leaky"), operation("backward", "Leaky")


def leaky(steps: int, state: Tensor, decay_mem: Tensor | None, cut: bool = True) -> dict[str, float]:
    """The numbers of every call, for sequences of `steps` whose state is (B, N); cut: whether time may be, which it may
    not without a decay."""
    (rows, features), count = state.shape, threads()
    few = cut and decay_mem is not None and steps >= LONG and rows * features < FEW * count
    return {
        "steps": steps,
        "rows": rows,
        "features": features,
        "threads": count,
        "spans": count if few else 1,
        "wide": state.dtype == torch.float64,
        "each_mem": decay_mem is not None and decay_mem.numel() > 1,
    }


def linear_scan(x: Tensor, decay: Tensor, initial: Tensor | None, reverse: bool) -> Tensor:
    """Same signature as the reference."""
    if x.is_complex():
        return complex_scan(x, decay, initial, reverse)
    out, last, wide = torch.empty_like(x), torch.empty_like(x[0]), decay.to(torch.float64)
    numbers = leaky(len(x), x[0], wide)
    if reverse:
        start, ends = None if initial is None else decay * initial, {"grad_current": out, "grad_potential": last}
        backward(numbers, decay_mem=wide, grad_potentials=x, grad_last_potential=start, **ends)
    else:
        forward(numbers, decay_mem=wide, current=x, potential=initial, potentials=out, last_potential=last)
    return out


def complex_scan(x: Tensor, decay: Tensor, initial: Tensor | None, reverse: bool) -> Tensor:
    """The real and the imaginary part of x, side by side along the batch, each drive a pair of states that turn."""
    parts = torch.cat([x.real, x.imag], 1).flip(0) if reverse else torch.cat([x.real, x.imag], 1)
    real, imaginary = decay.real.to(torch.float64), decay.imag.to(torch.float64)
    none, one = torch.zeros_like(real), torch.ones_like(real)
    coupling = torch.stack([real, imaginary, none, real, -imaginary, one, none])
    start = torch.zeros_like(x[0]) if initial is None else initial
    nothing = torch.zeros_like(parts[0, len(start) :])
    u, i, last = torch.empty_like(parts), torch.empty_like(parts), torch.empty_like(parts[0])
    forward(
        leaky(len(x), parts[0], None) | {"each_coupling": coupling.shape[1] > 1},
        coupling=coupling,
        current=parts,
        synapse=torch.cat([start.imag, nothing]),
        potential=torch.cat([start.real, nothing]),
        **{"potentials": u, "synapses": i, "last_potential": last},
    )
    (u_real, u_imag), (i_real, i_imag) = (part.flip(0).chunk(2, 1) if reverse else part.chunk(2, 1) for part in (u, i))
    return torch.complex(u_real - i_imag, i_real + u_imag)
