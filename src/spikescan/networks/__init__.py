"""WHO: networks of neurons. Each offers `run`, which returns the readout and every layer's output."""

from .mlp import SpikingMLP

__all__ = ["SpikingMLP"]
