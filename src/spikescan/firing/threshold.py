"""Firing by comparison with a threshold, Θ(0) = 0, with a surrogate gradient; no draws.

f is "identity", "sigmoid", "tanh" or "relu_tanh" (relu(tanh(u))), as in the later ParaLIF family.
"""

from dataclasses import dataclass

import torch

from ._base import Firing, KernelCode, straight_through
from ._codes import ACTIVATION, DELTA, THRESHOLD
from .surrogate import SURROGATES, Surrogate
from .surrogate import surrogate as find_surrogate

ACTIVATIONS = {
    "identity": lambda u: u,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu_tanh": lambda u: torch.tanh(u).relu(),
}


@dataclass(frozen=True)
class Threshold(Firing):
    """s = Θ(f(u) - threshold). With the identity and a reset it is the LIF's (SPSN eq. 3)."""

    activation: str = "identity"
    surrogate: str | Surrogate = SURROGATES["fast_sigmoid"]
    threshold: float = 1.0

    def __post_init__(self) -> None:
        _check(self.activation)
        find_surrogate(self.surrogate)

    @property
    def default_threshold(self) -> float:
        return self.threshold

    @property
    def kernel(self) -> KernelCode | None:
        return _code(THRESHOLD, self.activation, find_surrogate(self.surrogate))

    def __call__(self, potential, previous, uniform, threshold):
        distance = ACTIVATIONS[self.activation](potential) - threshold
        fires = straight_through(distance > 0, distance, find_surrogate(self.surrogate).derivative(distance.detach()))
        return fires + (potential - potential).detach()


@dataclass(frozen=True)
class Delta(Firing):
    """s[t] = Θ(f(u[t]) - f(u[t-1]) - threshold): fires where the potential rises."""

    activation: str = "identity"
    surrogate: str | Surrogate = SURROGATES["fast_sigmoid"]
    threshold: float = 0.1

    def __post_init__(self) -> None:
        _check(self.activation)
        find_surrogate(self.surrogate)

    @property
    def default_threshold(self) -> float:
        return self.threshold

    @property
    def kernel(self) -> KernelCode | None:
        return _code(DELTA, self.activation, find_surrogate(self.surrogate))

    def __call__(self, potential, previous, uniform, threshold):
        f = ACTIVATIONS[self.activation]
        distance = f(potential) - f(previous) - threshold
        fires = straight_through(distance > 0, distance, find_surrogate(self.surrogate).derivative(distance.detach()))
        return fires + (potential - potential).detach()


def _check(activation: str) -> None:
    if activation not in ACTIVATIONS:
        raise ValueError(f"activation: {activation!r} is not one of {', '.join(ACTIVATIONS)}")


def _code(kind: int, activation: str, surrogate: Surrogate) -> KernelCode | None:
    known = getattr(surrogate, "kernel", None)
    return None if known is None else KernelCode(kind, ACTIVATION[activation], known[0], known[1])
