"""Surrogates: what takes the place of Θ′ in the backward pass, as a function of the distance x = u - threshold.

| name | Θ′(x) | source |
|---|---|---|
| fast_sigmoid | 1 / (slope·abs(x) + 1)², slope 100 | Zenke and Ganguli 2018; SPSN's LIF |
| triangular | max(0, 1 - abs(x)/width), width 1 | MPE-PSN |
| sigmoid | slope·σ(slope·x)·(1 - σ(slope·x)), slope 4 | |
| arctan | 1 / (1 + (slope·x)²), slope π | |
| boxcar | 1 where abs(x) < width, width 1/2 | straight-through |

Write one of your own as an object with a method `derivative(distance) -> Tensor`.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import inf, pi

import torch
from torch import Tensor

from ._codes import ARCTAN, BOXCAR, FAST_SIGMOID, LOGISTIC, TRIANGULAR


class Surrogate(ABC):
    """Θ′ for the backward pass. `kernel` is (code, scale) where the fused kernels know it, else None."""

    def __post_init__(self) -> None:
        """Of ours, which are dataclasses: every parameter is a positive number."""
        for name, value in vars(self).items():
            if not 0 < value < inf:
                raise ValueError(f"{name}: a positive number is needed, found {value}")

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    @property
    def kernel(self) -> tuple[int, float] | None:
        return None

    @abstractmethod
    def derivative(self, distance: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class FastSigmoid(Surrogate):
    slope: float = 100.0

    @property
    def kernel(self) -> tuple[int, float]:
        return FAST_SIGMOID, self.slope

    def derivative(self, distance: Tensor) -> Tensor:
        return (self.slope * distance.abs() + 1).pow(-2)


@dataclass(frozen=True)
class Triangular(Surrogate):
    width: float = 1.0

    @property
    def kernel(self) -> tuple[int, float]:
        return TRIANGULAR, 1 / self.width

    def derivative(self, distance: Tensor) -> Tensor:
        return (1 - distance.abs() / self.width).clamp_min(0)


@dataclass(frozen=True)
class Sigmoid(Surrogate):
    slope: float = 4.0

    @property
    def kernel(self) -> tuple[int, float]:
        return LOGISTIC, self.slope

    def derivative(self, distance: Tensor) -> Tensor:
        y = torch.sigmoid(self.slope * distance)
        return self.slope * y * (1 - y)


@dataclass(frozen=True)
class Arctan(Surrogate):
    slope: float = pi

    @property
    def kernel(self) -> tuple[int, float]:
        return ARCTAN, self.slope

    def derivative(self, distance: Tensor) -> Tensor:
        return 1 / (1 + (self.slope * distance).square())


@dataclass(frozen=True)
class Boxcar(Surrogate):
    width: float = 0.5

    @property
    def kernel(self) -> tuple[int, float]:
        return BOXCAR, self.width

    def derivative(self, distance: Tensor) -> Tensor:
        return (distance.abs() < self.width).to(distance.dtype)


SURROGATES = {
    "fast_sigmoid": FastSigmoid(),
    "triangular": Triangular(),
    "sigmoid": Sigmoid(),
    "arctan": Arctan(),
    "boxcar": Boxcar(),
}


def surrogate(chosen: "str | Surrogate") -> Surrogate:
    """A registered name, or the object itself."""
    if isinstance(chosen, str):
        if chosen not in SURROGATES:
            raise ValueError(f"surrogate: {chosen!r} is not one of {', '.join(SURROGATES)}")
        return SURROGATES[chosen]
    if not callable(getattr(chosen, "derivative", None)):
        raise TypeError(f"surrogate: {chosen!r} has no method derivative(distance)")
    return chosen
