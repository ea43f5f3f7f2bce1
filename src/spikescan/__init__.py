"""spikescan: spiking neural networks trained over all time steps at once."""

from importlib.metadata import version

from . import firing, random
from .chunking import chunked
from .neurons import LIF, MPEPSN, SPSN, LeakyIntegrator, Neuron, ReLU
from .scan import linear_scan
from .types import NetworkOutput, NetworkState, NeuronOutput, State

__version__ = version("spikescan")

__all__ = [
    "LIF",
    "MPEPSN",
    "SPSN",
    "LeakyIntegrator",
    "NetworkOutput",
    "NetworkState",
    "Neuron",
    "NeuronOutput",
    "ReLU",
    "State",
    "chunked",
    "firing",
    "linear_scan",
    "random",
]
