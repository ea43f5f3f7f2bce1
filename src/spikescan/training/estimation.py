"""MPE-PSN in numbers to look at: the learned κ and V_th, and how far the estimate is from the membrane.

I current, û estimate, u membrane after the reset, v membrane of a sequential LIF under the same currents.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

import spikescan as ss
from spikescan.types import NeuronOutput

LEARNED = "kappa", "threshold"


def learned(neurons: nn.ModuleList) -> dict[str, float]:
    """The mean of every κ and threshold that is learned, by name and layer: ``kappa_layer0``, …"""
    found = ((name, k, getattr(neuron, name, None)) for name in LEARNED for k, neuron in enumerate(neurons))
    return {
        f"{name}_layer{k}": value.detach().mean().item() for name, k, value in found if isinstance(value, nn.Parameter)
    }


@contextmanager
def equal_weights(neurons: nn.ModuleList) -> Iterator[None]:
    """κ = 1 for a while: L_mem is then the mean of (û - u)² itself. Spikes do not depend on κ."""
    found = (getattr(neuron, "kappa", None) for neuron in neurons)
    kappas = [kappa for kappa in found if isinstance(kappa, nn.Parameter)]
    kept = [kappa.detach().clone() for kappa in kappas]
    with torch.no_grad():
        for kappa in kappas:
            kappa.fill_(1)
    try:
        yield
    finally:
        with torch.no_grad():
            for kappa, value in zip(kappas, kept, strict=True):
                kappa.copy_(value)


@contextmanager
def currents(neurons: nn.ModuleList) -> Iterator[list[Tensor]]:
    """What the layers are given meanwhile, (T, B, *features) each, in the order in which they run."""
    seen: list[Tensor] = []
    with ExitStack() as undo:
        for neuron in neurons:
            _watch(neuron, seen)
            undo.callback(delattr, neuron, "run")
        yield seen


def _watch(neuron: Any, seen: list[Tensor]) -> None:
    run = neuron.run

    def watched(current: Tensor, *arguments: Any, **options: Any) -> NeuronOutput:
        seen.append(current)
        return run(current, *arguments, **options)

    neuron.run = watched


@torch.no_grad()
def membrane_distance(current: Tensor, potential: Tensor, decay: float) -> Tensor:
    """(B,) sum over time of the norm over features of v[t] - u[t], the distance that the released code logs.

    v is the vanilla LIF's with threshold 1; ``current`` and ``potential`` (u) are (T, B, *features).
    """
    v = ss.LIF.vanilla(decay).run(current.detach().float(), potentials=True).potential
    assert v is not None
    return (v - potential).flatten(2).norm(dim=2).sum(0).double()


def membrane_distances(given: Sequence[Tensor], layers: Sequence[NeuronOutput], decay: float) -> Tensor:
    """(layers,) that distance of each layer, added up over the samples."""
    pairs = ((current, layer.potential) for current, layer in zip(given, layers, strict=True))
    return torch.stack([membrane_distance(current, u, decay).sum() for current, u in pairs if u is not None])
