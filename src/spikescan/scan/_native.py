"""The scan on the CPU. It is what a leaky neuron computes that has one leak and does not fire, and reversed it is the
adjoint of that; so the kernels are those of the neurons (`src/kernels/forward.cpp`, `backward.cpp`)."""

from ctypes import c_double, c_int32, c_int64, c_void_p

import torch
from torch import Tensor

from ..firing._codes import CODE
from ..native import Operands, operation, pointer, threads

FEW, LONG = 16, 4096
"""Lanes a thread below which time is cut among threads as well, and steps from which that is worth it."""


class Leaky(Operands):
    """`struct Leaky` of `spikescan.h`, which says what each field is."""

    _fields_ = (
        *((name, c_int64) for name in ("steps", "rows", "features", "threads", "spans")),
        *((name, c_int32) for name in ("wide", *CODE)),
        *((name, c_int32) for name in ("half", "each_syn", "each_mem", "each_threshold")),
        *((name, c_double) for name in ("a", "b", "c")),
        *((name, c_void_p) for name in ("current", "decay_syn", "decay_mem", "synapse", "potential", "threshold")),
        *((name, c_int64) for name in ("seed", "step")),
        *((name, c_void_p) for name in ("lengths", "memo")),
        *((name, c_void_p) for name in ("spikes", "potentials", "last_synapse", "last_potential")),
        *((f"grad_{name}", c_void_p) for name in ("spikes", "potentials", "last_synapse", "last_potential")),
        ("marks", c_void_p),
        *((f"grad_{name}", c_void_p) for name in ("current", "alpha", "beta", "gain", "threshold")),
        *((f"grad_{name}", c_void_p) for name in ("synapse", "potential")),
    )

    @classmethod
    def of(cls, steps: int, state: Tensor, decay_mem: Tensor, cut: bool = True) -> "Leaky":
        """For sequences of `steps` whose state is (B, N); cut: whether time may be."""
        rows, features = state.shape
        count = threads()
        few = cut and steps >= LONG and rows * features < FEW * count
        return cls(
            steps=steps,
            rows=rows,
            features=features,
            threads=count,
            spans=count if few else 1,
            wide=state.dtype == torch.float64,
            decay_mem=pointer(decay_mem),
            each_mem=decay_mem.numel() > 1,
        )


forward, backward = operation("forward", Leaky), operation("backward", Leaky)


def linear_scan(x: Tensor, decay: Tensor, initial: Tensor | None, reverse: bool) -> Tensor:
    """Same signature as the reference."""
    out, wide = torch.empty_like(x), decay.to(torch.float64)
    leak, last = Leaky.of(len(x), x[0], wide), torch.empty_like(x[0])
    if reverse:
        start = None if initial is None else decay * initial
        leak.grad_potentials, leak.grad_last_potential = pointer(x), pointer(start)
        leak.grad_current, leak.grad_potential = pointer(out), pointer(last)
        backward(leak)
    else:
        leak.current, leak.potential = pointer(x), pointer(initial)
        leak.potentials, leak.last_potential = pointer(out), pointer(last)
        forward(leak)
    return out
