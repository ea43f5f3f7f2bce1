"""The one signature of the fused operation, as data: what the neuron is, apart from its tensors."""

from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from ..firing import Firing, KernelCode
from ..firing._codes import DELTA, HARD, SOFT
from ..random import uniform

COUPLING = "ii", "iu", "ix", "uu", "ui", "ux", "jump"
"""Rows of a coupling: i[t] = ii·i[t-1] + iu·u[t-1] + ix·x[t] + jump·s[t], w[t] = uu·u[t-1] + ui·i[t-1] + ux·x[t]. A
spike is fed back, by `jump` and by the reset, in neurons that reset alone."""
RESETS = {"none": 0, "hard": HARD, "soft": SOFT}


@dataclass(frozen=True)
class Dynamics:
    """What is not a tensor: how a neuron fires, resets and takes its input in.

    firing: None for a leaky integrator, which only has potentials.
    reset: none, hard (u = w·(1 - s)) or soft (u = w - threshold·s).
    detach_reset: whether the reset carries no gradient.
    leaky_gain: whether the membrane takes (1 - β)·i (SPSN) or i (MPE-PSN's vanilla LIF).
    deterministic: stochastic firing with 1/2 for every draw.
    half: whether the kernels keep what the backward pass needs in 16 bits.
    learned: whether decays are learned, so that the current is kept and not what backward needs of each step.
    Derived: draws; rounds, whether the current is rounded to 16 bits and kept so (delta compares two potentials, whose
    difference 16 bits of each would not hold); code (`firing._codes.CODE`) and constants, what a kernel is told, None
    for a custom firing function.
    """

    firing: Firing | None
    reset: str = "none"
    detach_reset: bool = True
    leaky_gain: bool = True
    deterministic: bool = False
    half: bool = False
    learned: bool = False
    draws: bool = field(init=False, compare=False)
    rounds: bool = field(init=False, compare=False)
    code: list[int] | None = field(init=False, compare=False)
    constants: list[float] | None = field(init=False, compare=False)

    def __post_init__(self) -> None:
        if self.reset != "none" and (self.firing is None or self.firing.stochastic):
            raise ValueError(f"reset: {self.reset!r} needs a firing function with a threshold, found {self.firing}")
        if self.half and self.firing is not None and self.firing.kernel is None:
            raise ValueError(f"memory: 'half' is for firing functions with a kernel, found {self.firing}")
        kernel = KernelCode(0) if self.firing is None else self.firing.kernel
        draws = self.firing is not None and self.firing.stochastic and not self.deterministic
        code = None
        if kernel is not None:
            flags = RESETS[self.reset], self.detach_reset, draws, self.leaky_gain
            code = [kernel.kind, kernel.activation, kernel.surrogate, *map(int, flags)]
        derived = {
            "draws": draws,
            "rounds": self.half and (self.learned or (kernel is not None and kernel.kind == DELTA)),
            "code": code,
            "constants": None if kernel is None else [kernel.a, kernel.b, kernel.c],
        }
        for name, value in derived.items():  # computed once: a small layer's call would notice
            object.__setattr__(self, name, value)


class Operands(NamedTuple):
    """The tensors. What is computed with is float64 for a float64 current, else float32; so are all but the current,
    except as said."""

    current: Tensor  # (T, B, N), contiguous, of its own dtype: a body widens it
    decay_syn: Tensor | None  # (N,) or 0-d, float64; None: no synapse stage
    decay_mem: Tensor | None  # likewise; None: there is a coupling
    coupling: Tensor | None  # (7, N) or (7, 1), float64, see `COUPLING`: two states that drive each other, in place of
    # two leaks in a row; `synapse` is then the other state
    synapse: Tensor  # (B, N) i[-1]
    potential: Tensor  # (B, N) u[-1]
    threshold: Tensor | None  # (N,) or 0-d
    seed: Tensor | None  # 0-d int64
    step: Tensor  # 0-d int64
    lengths: Tensor | None  # (B,) int64


def without_padding(x: Tensor, lengths: Tensor | None) -> Tensor:
    """x (T, B, ...) with 0 from lengths[b] on: what stands there, NaN as well, then enters no value and no gradient."""
    if lengths is None:
        return x
    padding = torch.arange(len(x), device=x.device)[:, None] >= lengths
    return x.masked_fill(padding.view(padding.shape + (1,) * (x.dim() - 2)), 0)


def draw(x: Operands, how: Dynamics, backend: str) -> Tensor | None:
    """The draws of the whole sequence, or None where the neuron makes none."""
    if not how.draws:
        return None
    assert x.seed is not None
    return uniform(x.current.shape, seed=x.seed, step=x.step, device=x.current.device, backend=backend)


class Result(NamedTuple):
    spikes: Tensor | None  # (T, B, N)
    potential: Tensor | None  # (T, B, N)
    last_synapse: Tensor  # (B, N)
    last_potential: Tensor  # (B, N)

    def typed(self, spikes: torch.dtype, potential: torch.dtype) -> "Result":
        """Spikes and potentials of these dtypes, where the body has not written them so."""
        if self.spikes is not None:
            check_spike_dtype(spikes, self.spikes.requires_grad)
        return self._replace(
            spikes=None if self.spikes is None else self.spikes.to(spikes),
            potential=None if self.potential is None else self.potential.to(potential),
        )


def check_spike_dtype(wanted: torch.dtype, gradient: bool) -> None:
    if gradient and not wanted.is_floating_point:
        raise ValueError(f"spike_dtype: {wanted} carries no gradient; use a floating-point one, or torch.no_grad()")


def powers(coupling: Tensor, count: int) -> Tensor:
    """M^0 to M^(count-1), (count, 2, 2, N), of M = ((ii, iu), (ui, uu)), by doubling."""
    ii, iu, _, uu, ui, _, _ = coupling
    step = torch.stack([torch.stack([ii, iu]), torch.stack([ui, uu])])
    out = torch.eye(2, dtype=step.dtype, device=step.device)[None, :, :, None].expand(1, 2, 2, step.shape[2])
    while len(out) < count:
        out = torch.cat([out, torch.einsum("abn,tbcn->tacn", step, out)])
        step = torch.einsum("abn,bcn->acn", step, step)
    return out[:count]


def gain(decay_mem: Tensor, leaky: bool, dtype: torch.dtype) -> Tensor:
    """1 - β, subtracted in float64: in float32 it would lose its digits for β near 1."""
    return (1 - decay_mem if leaky else torch.ones_like(decay_mem)).to(dtype)
