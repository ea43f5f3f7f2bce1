"""The scan on the CPU. It is what a leaky neuron computes that has one leak and does not fire, and reversed it is the
adjoint of that; so the kernels are those of the neurons (`src/kernels/forward.cpp`, `backward.cpp`)."""

import torch
from torch import Tensor

from ..native import operation, threads
from ._complex import complex_scan

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
        return complex_scan(x, decay, initial, reverse, _integrate)
    out, last, wide = torch.empty_like(x), torch.empty_like(x[0]), decay.to(torch.float64)
    numbers = leaky(len(x), x[0], wide)
    if reverse:
        start, ends = None if initial is None else decay * initial, {"grad_current": out, "grad_potential": last}
        backward(numbers, decay_mem=wide, grad_potentials=x, grad_last_potential=start, **ends)
    else:
        forward(numbers, decay_mem=wide, current=x, potential=initial, potentials=out, last_potential=last)
    return out


def _integrate(current: Tensor, coupling: Tensor, synapse: Tensor, potential: Tensor) -> tuple[Tensor, Tensor]:
    i, u = torch.empty_like(current), torch.empty_like(current)
    forward(
        leaky(len(current), synapse, None) | {"each_coupling": coupling.shape[1] > 1},
        coupling=coupling,
        current=current,
        synapse=synapse,
        potential=potential,
        **{"potentials": u, "synapses": i, "last_potential": torch.empty_like(potential)},
    )
    return i, u
