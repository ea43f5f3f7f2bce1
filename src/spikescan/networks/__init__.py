"""WHO: networks of neurons. Each offers `run`, which returns the readout and every layer's output."""

from ._event_linear import EventLinear
from .mlp import SpikingMLP

__all__ = ["EventLinear", "SpikingMLP"]
