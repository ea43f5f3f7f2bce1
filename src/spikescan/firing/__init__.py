"""Potential -> spike: surrogates of Θ′, thresholds, and firing by chance. `firing=` takes a name or an object."""

from ._base import Firing, KernelCode, straight_through
from .stochastic import Bernoulli, Escape, Gumbel
from .surrogate import SURROGATES, Arctan, Boxcar, FastSigmoid, Sigmoid, Surrogate, Triangular, surrogate
from .threshold import Delta, Threshold

__all__ = [
    "FIRINGS",
    "SURROGATES",
    "Arctan",
    "Bernoulli",
    "Boxcar",
    "Delta",
    "Escape",
    "FastSigmoid",
    "Firing",
    "Gumbel",
    "KernelCode",
    "Sigmoid",
    "Surrogate",
    "Threshold",
    "Triangular",
    "firing",
    "straight_through",
    "surrogate",
]

FIRINGS: dict[str, Firing] = {
    "bernoulli": Bernoulli(),
    "bernoulli_relu_tanh": Bernoulli("relu_tanh"),
    "gumbel": Gumbel(),
    "escape": Escape(),
    "threshold": Threshold(),
    "threshold_sigmoid": Threshold("sigmoid", threshold=0.5),
    "threshold_tanh": Threshold("tanh", threshold=0.5),
    "threshold_relu_tanh": Threshold("relu_tanh", threshold=0.5),
    "delta": Delta(),
    "delta_sigmoid": Delta("sigmoid"),
    "delta_tanh": Delta("tanh"),
    "delta_relu_tanh": Delta("relu_tanh"),
}


def firing(chosen: str | Firing) -> Firing:
    """A registered name, or the object itself."""
    if isinstance(chosen, str):
        if chosen not in FIRINGS:
            raise ValueError(f"firing: {chosen!r} is not one of {', '.join(FIRINGS)}")
        return FIRINGS[chosen]
    if not isinstance(chosen, Firing):
        raise TypeError(f"firing: a name or a Firing is needed, found {type(chosen).__name__}")
    return chosen
