"""spikescan: spiking neural networks trained over all time steps at once."""

import os
from importlib.metadata import version

from . import firing, random
from .chunking import chunked
from .memory import keep_freed_memory
from .neurons import LIF, MPEPSN, SPSN, LeakyIntegrator, Neuron, ReLU
from .scan import linear_scan
from .types import NetworkOutput, NetworkState, NeuronOutput, State

# Torch backs large CPU arrays by huge pages if this is set before it makes its first. Otherwise a fresh array of a
# whole sequence costs more in page faults than a neuron does in arithmetic, and memory freed between chunks is not
# used again.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

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
    "keep_freed_memory",
    "linear_scan",
    "random",
]
