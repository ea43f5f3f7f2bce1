"""spikescan: spiking neural networks trained over all time steps at once.

Importing the package imports neither torch nor any part of itself but `memory`: a public name, like a sub-package
(`ss.networks`, `ss.data`), is imported when it is first asked for, so that `spikescan --help` does not wait for torch.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from . import memory

if TYPE_CHECKING:
    from . import data, firing, random
    from .chunking import chunked
    from .inference import load
    from .memory import keep_freed_memory
    from .neurons import LIF, MPEPSN, SPSN, LeakyIntegrator, Neuron, ReLU
    from .scan import linear_scan
    from .types import NetworkOutput, NetworkState, NeuronOutput, State

__version__ = "0.1.0"

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
    "data",
    "firing",
    "keep_freed_memory",
    "linear_scan",
    "load",
    "random",
]

_HOMES = ("memory", "neurons", "scan", "chunking", "types", "inference")
"""The modules whose names are public here."""

memory.keep_unless_refused()


def __getattr__(name: str) -> Any:
    if not name.startswith("_") and find_spec(f"{__name__}.{name}"):
        return import_module(f"{__name__}.{name}")
    if name in __all__:
        for home in _HOMES:
            module = import_module(f"{__name__}.{home}")
            if hasattr(module, name):
                globals()[name] = getattr(module, name)
                return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
