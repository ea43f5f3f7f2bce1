"""From potential to spike: the interface of a firing function, and the straight-through gradient they share."""

from abc import ABC, abstractmethod
from typing import NamedTuple

from torch import Tensor


class KernelCode(NamedTuple):
    """How the fused kernels know a firing function: what fires, the activation f, the surrogate, three constants."""

    kind: int
    activation: int = 0
    surrogate: int = 0
    a: float = 0.0
    b: float = 0.0
    c: float = 0.0


class Firing(ABC):
    """A firing function: 0/1 spikes from potentials, independently at each step, with a gradient.

    stochastic: whether it draws. `uniform` is then the draws in (0, 1), else None.
    default_threshold: None if it has no threshold.
    kernel: its code in the fused kernels, or None for one written by a user (torch then computes it, on potentials
        that the backend integrates).
    """

    stochastic: bool = False

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    @property
    def default_threshold(self) -> float | None:
        return None

    @property
    def kernel(self) -> KernelCode | None:
        return None

    @abstractmethod
    def __call__(self, potential: Tensor, previous: Tensor, uniform: Tensor | None, threshold: Tensor | None) -> Tensor:
        """Spikes, differentiable, of the potential's shape and dtype.

        Args:
            potential: u[t], any shape.
            previous: u[t-1], the same shape.
            uniform: draws in (0, 1), the same shape, or None; 1/2 everywhere for a deterministic evaluation.
            threshold: broadcasts over the last axis, or None.
        """


def straight_through(fires: Tensor, value: Tensor, slope: Tensor | float = 1.0) -> Tensor:
    """0/1 by `fires`, with the gradient `slope` with respect to `value`.

    The added term is exactly 0 for a finite value and NaN for any other, so that a comparison never hides a NaN or an
    infinity. (0 times a finite slope stays 0; the slope is cut from the graph.)
    """
    slope = slope.detach() if isinstance(slope, Tensor) else slope
    return fires.to(value.dtype) + slope * (value - value.detach())
