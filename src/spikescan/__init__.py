"""spikescan: spiking neural networks trained over all time steps at once.

Importing the package imports neither torch nor any part of itself but `memory`: a public name, like a sub-package
(`ss.networks`, `ss.data`), is imported when it is first asked for, so that `spikescan --help` does not wait for torch.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from . import memory

if TYPE_CHECKING:
    from . import data, firing, losses, random
    from .chunking import chunked
    from .delays import AxonalDelay, DelaySchedule, DelayState, SynapticDelayLinear
    from .inference import load as load
    from .losses import readout
    from .memory import keep_freed_memory
    from .neurons import (
        LIF,
        MPEPSN,
        SPSN,
        AdaptiveLIF,
        CSiLIF,
        LeakyIntegrator,
        Neuron,
        ReLU,
        ResonateAndFire,
        Resonator,
        iterated_lif,
    )
    from .scan import linear_scan
    from .training.classifier import Classifier as Classifier
    from .training.datamodule import DataModule as DataModule
    from .training.simple import train as train
    from .types import NetworkOutput, NetworkState, NeuronOutput, State

__version__ = "0.1.0"

__all__ = [
    "LIF",
    "MPEPSN",
    "SPSN",
    "AdaptiveLIF",
    "AxonalDelay",
    "CSiLIF",
    "DelaySchedule",
    "DelayState",
    "LeakyIntegrator",
    "NetworkOutput",
    "NetworkState",
    "Neuron",
    "NeuronOutput",
    "ReLU",
    "ResonateAndFire",
    "Resonator",
    "State",
    "SynapticDelayLinear",
    "chunked",
    "data",
    "firing",
    "iterated_lif",
    "keep_freed_memory",
    "linear_scan",
    "losses",
    "random",
    "readout",
]
"""What `from spikescan import *` gives. `ss.train`, `ss.load`, `ss.Classifier` and `ss.DataModule` are not among it:
they import Lightning."""

_NEURONS = (
    *("LIF", "MPEPSN", "SPSN", "AdaptiveLIF", "CSiLIF", "LeakyIntegrator", "Neuron"),
    *("ReLU", "ResonateAndFire", "Resonator", "iterated_lif"),
)
_HOMES = {
    "Classifier": "training.classifier",
    "DataModule": "training.datamodule",
    "chunked": "chunking",
    "keep_freed_memory": "memory",
    "linear_scan": "scan",
    "load": "inference",
    "readout": "losses",
    "train": "training.simple",
    **dict.fromkeys(_NEURONS, "neurons"),
    **dict.fromkeys(("AxonalDelay", "DelaySchedule", "DelayState", "SynapticDelayLinear"), "delays"),
    **dict.fromkeys(("NetworkOutput", "NetworkState", "NeuronOutput", "State"), "types"),
}
"""The module that each public name is from."""

memory.keep_unless_refused()


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        return globals()[name]
    if not name.startswith("_") and find_spec(f"{__name__}.{name}"):
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_HOMES})
