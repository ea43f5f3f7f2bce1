"""Other packages' LIF neurons, where they are installed. Each takes (T, B, N) and keeps no state between calls.

Their neurons have one state (no synapse stage), which makes them cheaper than ours, not dearer.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module, metadata
from typing import Any

import torch
from torch import Tensor

from spikescan.bench.baselines import BETA

Call = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Peer:
    """`make(x)` builds the neuron for currents like x. `least`: repetitions (see `Subject`); `linear`: whether its time
    grows with T alone, so that it may stand in the map."""

    name: str
    make: Callable[[Tensor], Call]
    linear: bool = True
    least: int = 5


def spikingjelly(device: str) -> list[Peer]:
    """LIFNode over whole sequences. On CUDA it takes its Triton kernels unless SJ_LIF_CUDA_IMPLEMENTATION, which it
    reads when it is imported, says otherwise; the name says which it took."""
    os.environ.setdefault("SJ_LIF_CUDA_IMPLEMENTATION", "triton")
    base = "spikingjelly.activation_based"
    functional, neuron, surrogate = (import_module(f"{base}.{name}") for name in ("functional", "neuron", "surrogate"))
    taken: Any = functional.neuron_implementation("lif", torch.device(device))["implementation"]

    def make(x: Tensor) -> Call:
        node = neuron.LIFNode(
            tau=1 / (1 - BETA), surrogate_function=surrogate.ATan(), detach_reset=True, step_mode="m"
        ).to(x.device)

        def call(x: Tensor) -> Tensor:
            functional.reset_net(node)
            return node(x)

        return call

    return [Peer(f"SpikingJelly {metadata.version('spikingjelly')} LIFNode ({taken})", make)]


def snntorch(device: str) -> list[Peer]:
    """Leaky, called step by step as its documentation does, and StateLeaky, a convolution as long as the sequence."""
    package = import_module("snntorch")
    kinds, version = (package.Leaky, package.StateLeaky), metadata.version("snntorch")

    def leaky(x: Tensor) -> Call:
        neuron = kinds[0](beta=BETA).to(x.device)

        def call(x: Tensor) -> Tensor:
            memory, spikes = neuron.init_leaky(), []
            for now in x.unbind():
                spike, memory = neuron(now, memory)
                spikes.append(spike)
            return torch.stack(spikes)

        return call

    def state_leaky(x: Tensor) -> Call:
        neuron = kinds[1](beta=BETA, channels=x.shape[-1]).to(x.device)
        return lambda x: neuron(x)[0]

    return [
        Peer(f"snnTorch {version} Leaky", leaky),
        Peer(f"snnTorch {version} StateLeaky", state_leaky, linear=False, least=2),
    ]


PEERS: dict[str, Callable[[str], list[Peer]]] = {"SpikingJelly": spikingjelly, "snnTorch": snntorch}


def find(device: str, names: Iterable[str] = tuple(PEERS)) -> tuple[list[Peer], list[str]]:
    """(the peers that can be measured on `device`, a sentence for each that cannot)."""
    found: list[Peer] = []
    sentences: list[str] = []
    for name in names:
        try:
            found += PEERS[name](device)
        except ImportError as error:
            missing = f"the module {error.name}" if error.name != name.lower() else "the package"
            sentences.append(
                f"{name} is not measured: {missing} is not installed (pip install --no-deps {name.lower()})"
            )
        except AttributeError as error:
            sentences.append(
                f"{name} is not measured: its version {metadata.version(name)} is not known here ({error})"
            )
        except RuntimeError as error:
            sentences.append(f"{name} is not measured: it has no kernel on {device} ({error})")
    return found, sentences
