"""Learned delays: Gaussians over the steps of a window, narrowed while they are learned, rounded in the end."""

from numbers import Real

import torch
from torch import Tensor, nn

from ..neurons._decay import FullPrecision
from ..scan._checks import check_finite

LEAST = -35.0
"""Exponent of the least tap beside the largest, 6e-16 times as large."""


class Positions(FullPrecision):
    """Delays d in steps, in [0, D - 1], and their taps g(k) = exp(-(k - d)²/2σ²) / Σ_k exp(-(k - d)²/2σ²).

    They stay in full precision under `.half()`. `delay` starts uniform over the range, from torch's generator. Outside
    the range a delay is taken as its nearest end, and its gradient is the one there; `project` brings it back, after
    each step of an optimiser.

    Args:
        shape: of the delays.
        max_delay, dt: seconds; D = round(max_delay / dt) + 1 taps.
        sigma: σ in steps; None: D/2, where the annealing starts (see `DelaySchedule`).
    """

    delay: nn.Parameter
    width: Tensor

    def __init__(self, shape: tuple[int, ...], max_delay: float, dt: float, sigma: float | None = None) -> None:
        super().__init__()
        for name, value in (("max_delay", max_delay), ("dt", dt)):
            if not isinstance(value, Real):
                raise TypeError(f"{name}: a number of seconds is needed, found {type(value).__name__}")
            if not 0 < value < float("inf"):
                raise ValueError(f"{name}: a positive number of seconds is needed, found {value}")
        if round(max_delay / dt) < 1:
            raise ValueError(f"max_delay: at least one time step of {dt} s is needed, found {max_delay}")
        self.max_delay, self.dt = max_delay, dt
        self.taps = round(max_delay / dt) + 1
        self.delay = nn.Parameter(torch.rand(shape, dtype=torch.float32) * self.reach)
        self.register_buffer("width", torch.empty((), dtype=torch.float32))
        self.sigma = self.taps / 2 if sigma is None else sigma

    @property
    def reach(self) -> int:
        """The longest delay in steps, D - 1."""
        return self.taps - 1

    @property
    def sigma(self) -> float:
        """σ, the width of the Gaussians, in steps; kept in the `state_dict` as `width`."""
        return float(self.width)

    @sigma.setter
    def sigma(self, sigma: float) -> None:
        check_finite(sigma, "sigma")
        if sigma < 1e-6:
            raise ValueError(f"sigma: a positive number of steps, from 1e-6 on, is needed, found {sigma}")
        self.width.fill_(sigma)

    def project(self) -> None:
        """Bring the delays back into their range; to be called after each step of an optimiser."""
        with torch.no_grad():
            self.delay.clamp_(0, self.reach)

    def gaussians(self, delay: Tensor) -> Tensor:
        """Taps (D, *shape) of these delays; over the taps they sum to 1. Those that rounding would lose beside the
        largest are 0: below the normal numbers a processor multiplies some fifty times slower."""
        inside = delay + (delay.clamp(0, self.reach) - delay).detach()
        k = torch.arange(self.taps, dtype=delay.dtype, device=delay.device)
        exponent = ((k - inside[..., None]) / self.width).square() / -2
        # torch.softmax would do, but the last bits of its gradient depend on the number of threads
        exponent = exponent - exponent.detach().amax(-1, keepdim=True)
        weights = exponent.exp().masked_fill(exponent.detach() < LEAST, 0)
        return (weights / weights.sum(-1, keepdim=True)).movedim(-1, 0)

    def rounded(self, delay: Tensor) -> Tensor:
        """The nearest whole steps, int64, in range."""
        delay = delay.detach()
        if not torch.compiler.is_compiling() and delay.device.type == "cpu" and not bool(delay.isfinite().all()):
            raise ValueError(
                "delay: finite numbers of steps are needed, found NaN or infinity among the learned delays"
            )
        return delay.clamp(0, self.reach).round().long().clamp(0, self.reach)

    def extra_repr(self) -> str:
        return f"{tuple(self.delay.shape)}, max_delay={self.max_delay} s, dt={self.dt} s"
