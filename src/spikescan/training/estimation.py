"""MPE-PSN in numbers to look at: the learned κ and V_th, and how far the estimate is from the membrane."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

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
