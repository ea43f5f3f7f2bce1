"""Firing by chance: SPSN's two functions and their relatives.

u potential, ρ firing probability, r a draw in (0, 1), s spike. `deterministic` evaluation puts r = 1/2.
"""

from dataclasses import dataclass
from math import inf, isfinite

import torch
from torch import Tensor

from ._base import Firing, KernelCode, straight_through
from ._codes import ACTIVATION, BERNOULLI, ESCAPE, GUMBEL


def _draws(uniform: Tensor | None, like: Tensor) -> Tensor:
    return torch.full_like(like, 0.5) if uniform is None else uniform.to(like.dtype)


@dataclass(frozen=True)
class Bernoulli(Firing):
    """SPSN-SB, eq. 17-19: ρ = f(u), s = [r < ρ], ∂s/∂ρ ≈ ρ, so that ∂s/∂u = ρ f′(u).

    activation: f, "sigmoid" (SPSN) or "relu_tanh" (relu(tanh(u)), the later ParaLIF family).
    """

    activation: str = "sigmoid"
    stochastic = True

    def __post_init__(self) -> None:
        if self.activation not in ("sigmoid", "relu_tanh"):
            raise ValueError(f"activation: {self.activation!r} is not a probability; sigmoid or relu_tanh")

    @property
    def kernel(self) -> KernelCode:
        return KernelCode(BERNOULLI, ACTIVATION[self.activation])

    def __call__(self, potential, previous, uniform, threshold):
        rho = torch.sigmoid(potential) if self.activation == "sigmoid" else torch.tanh(potential).relu()
        return straight_through(_draws(uniform, rho) < rho, rho, rho) + (potential - potential).detach()


@dataclass(frozen=True)
class Gumbel(Firing):
    """SPSN-GS with the two-class logits (u, -u): y = σ((2u + L)/τ), L = log r - log(1 - r), s = [y > 1/2], and the
    gradient of y, ∂s/∂u = (2/τ) y (1 - y). It fires with probability σ(2u), whatever τ (dimensionless) is."""

    temperature: float = 1.0
    stochastic = True

    def __post_init__(self) -> None:
        if not 0 < self.temperature < inf:
            raise ValueError(f"temperature: a positive number is needed, found {self.temperature}")

    @property
    def kernel(self) -> KernelCode:
        return KernelCode(GUMBEL, a=1 / self.temperature)

    def __call__(self, potential, previous, uniform, threshold):
        r = _draws(uniform, potential)
        distance = 2 * potential + torch.log(r) - torch.log1p(-r)
        y = torch.sigmoid(distance / self.temperature)
        return straight_through(distance > 0, potential, (2 / self.temperature) * y * (1 - y))


@dataclass(frozen=True)
class Escape(Firing):
    """The exponential escape rate of SPSN eq. 16, a probability for each step: ρ = min(1, exp((u - b)/c)/a),
    s = [r < ρ], and as in eq. 19 ∂s/∂u = ρ·ρ′(u), with ρ′ = ρ/c below saturation and 0 above."""

    a: float = 1.0
    b: float = 1.0
    c: float = 1.0
    stochastic = True

    def __post_init__(self) -> None:
        if not (0 < self.a < inf and 0 < self.c < inf):
            raise ValueError(f"a, c: positive numbers are needed, found {self.a} and {self.c}")
        if not isfinite(self.b):
            raise ValueError(f"b: a finite number is needed, found {self.b}")

    @property
    def kernel(self) -> KernelCode:
        return KernelCode(ESCAPE, a=1 / self.a, b=self.b, c=1 / self.c)

    def __call__(self, potential, previous, uniform, threshold):
        rate = torch.exp(((potential - self.b) / self.c).clamp(max=80.0)) / self.a
        slope = torch.where(rate < 1, rate * rate / self.c, torch.zeros_like(rate))
        return straight_through(_draws(uniform, rate) < rate, potential, slope)
