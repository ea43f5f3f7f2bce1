"""A complex pole: a time constant in seconds and a frequency in hertz in, one step's factor out, in full precision."""

import math
from numbers import Real
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ._decay import FullPrecision

GAINS = "normalised", "unit", "dt"
GOLDEN = (math.sqrt(5) - 1) / 2
Range = float | Tensor | tuple[float, float]
"""One number for all features, one for each, or (lowest, highest) over which the features are spread."""


class Step(NamedTuple):
    """λ = real + i·imaginary, and the input's gain b; float64, 0-d or over the features."""

    real: Tensor
    imaginary: Tensor
    gain: Tensor


class Pole(FullPrecision):
    """λ = exp(dt·(-1/tau + 2πi·frequency)), fixed, or learned for each feature: log tau, and 2π·frequency·dt, the angle
    of a step.

    Args:
        tau: seconds, > 0; a range is covered evenly in its logarithm.
        frequency: hertz, up to 1/(2·dt) either way; a range is covered evenly, in another order than tau's.
        dt: the time step in seconds, > 0.
        gain: "normalised", b = 1 - |λ|: the gain at resonance is about 1 whatever tau; "unit", b = 1; "dt", b = dt,
            as if x were a rate: then |u| stays below tau·max|x|.
        features: the feature shape, needed for a range and to learn one pole for each.
    """

    log_tau: Tensor
    angle: Tensor

    def __init__(
        self,
        tau: Range,
        frequency: Range,
        dt: float,
        gain: str,
        learn: tuple[bool, bool],
        features: tuple[int, ...] | None,
    ) -> None:
        super().__init__()
        if not isinstance(dt, Real) or not 0 < dt < math.inf:
            raise ValueError(f"dt: a positive number of seconds is needed, found {dt!r}")
        if gain not in GAINS:
            raise ValueError(f"input_gain: {gain!r} is not one of {', '.join(GAINS)}")
        self.dt, self.gain = dt, gain
        taus = _spread("tau", tau, features, logarithmic=True)
        if not bool((taus > 0).all()):
            raise ValueError(f"tau: a positive time constant in seconds is needed, found {taus.tolist()}")
        if gain == "normalised" and not bool(taus.isfinite().all()):
            raise ValueError("tau: an infinite one has no normalised input gain; take input_gain='unit' or 'dt'")
        hertz = _spread("frequency", frequency, features, logarithmic=False)
        highest = 1 / (2 * dt)
        if not bool((hertz.abs() <= highest * (1 + 1e-9)).all()):
            raise ValueError(f"frequency: at most 1/(2·dt) = {highest:g} Hz is needed, found {hertz.tolist()}")
        for name, value, learned in zip(
            ("log_tau", "angle"), (taus.log(), 2 * math.pi * dt * hertz), learn, strict=True
        ):
            self._add(name, value, learned, features)

    def _add(self, name: str, value: Tensor, learn: bool, features: tuple[int, ...] | None) -> None:
        if not learn:
            self.add_constant(name, value)
        elif features is None:
            raise ValueError("features: their number is needed to learn one pole for each")
        elif not bool(value.isfinite().all()):
            raise ValueError("tau: one that is learned must be finite")
        else:
            first = value.expand(features).to(torch.get_default_device(), torch.float32)
            self.register_parameter(name, nn.Parameter(first.clone()))

    @property
    def tau(self) -> Tensor:
        """Seconds."""
        return self.log_tau.detach().to(torch.float64).exp()

    @property
    def frequency(self) -> Tensor:
        """Hertz."""
        return self.angle.detach().to(torch.float64) / (2 * math.pi * self.dt)

    def forward(self) -> Step:
        angle, radius = self.angle.to(torch.float64), torch.exp(-self.dt * torch.exp(-self.log_tau.to(torch.float64)))
        gain = (
            1 - radius if self.gain == "normalised" else torch.full_like(radius, 1 if self.gain == "unit" else self.dt)
        )
        return Step(radius * angle.cos(), radius * angle.sin(), gain)


def _spread(name: str, value: Range, features: tuple[int, ...] | None, logarithmic: bool) -> Tensor:
    """float64, 0-d or over the features. Evenly spaced; those of a logarithmic range in steps of the golden section, so
    that each part of another range meets all parts of this one."""
    if not isinstance(value, tuple | list):
        if not isinstance(value, Tensor | Real) or isinstance(value, bool):
            raise TypeError(f"{name}: a number, a range (low, high) or a tensor is needed, found {value!r}")
        found = torch.as_tensor(value, dtype=torch.float64, device="cpu")
        if bool(found.isnan().any()):
            raise ValueError(f"{name}: numbers are needed, found {found.tolist()}")
        return found
    if len(value) != 2 or not all(isinstance(end, Real) for end in value) or not value[0] <= value[1]:
        raise ValueError(f"{name}: a range (lowest, highest) is needed, found {value!r}")
    if features is None:
        raise ValueError(f"features: their number is needed to spread {name} over a range")
    low, high = (float(end) for end in value)
    count = math.prod(features)
    places = (torch.arange(count, dtype=torch.float64, device="cpu") + 0.5) / count
    if logarithmic:
        if not 0 < low <= high < math.inf:
            raise ValueError(f"{name}: a range of positive numbers is needed, found {value!r}")
        places = torch.arange(1, count + 1, dtype=torch.float64, device="cpu") * GOLDEN % 1
        return (low * (high / low) ** places).reshape(features)
    return (low + (high - low) * places).reshape(features)
