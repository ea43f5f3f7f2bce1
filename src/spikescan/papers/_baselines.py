"""What a parallel neuron is timed against in Figure 5: each a function from a current (T, B, N) to spikes. The plain
torch formulations are those of `spikescan.bench`."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable

import torch
from torch import Tensor

import spikescan as ss
from spikescan.bench import baselines, peers

TAU, DT = 20e-3, 1e-3
Layer = Callable[[Tensor], Tensor]


def indexing_loop(x: Tensor) -> Tensor:
    """LIF as published: batch first, each step taken by an index, whose backward fills a whole sequence."""
    return baselines.lif_indexed(x.transpose(0, 1)).transpose(0, 1)


def fourier_spsn(x: Tensor) -> Tensor:
    """SPSN-SB by eq. 15, batch first as published: a Fourier transform and a Bernoulli draw."""
    return baselines.spsn(x.transpose(0, 1)).transpose(0, 1)


def _spikingjelly() -> Layer:
    """One LIFNode over all steps; it has no synapse stage."""
    made: list[Layer] = []

    def run(x: Tensor) -> Tensor:
        if not made:
            (peer,) = peers.spikingjelly(x.device.type)
            made.append(peer.make(x))
        return made[0](x)

    return run


def _snntorch() -> Layer:
    """Synaptic, the neuron with both stages, in the loop over steps that it is made for."""
    import snntorch  # type: ignore[import-not-found]

    node = snntorch.Synaptic(alpha=baselines.ALPHA, beta=baselines.BETA, reset_mechanism="zero")

    def run(x: Tensor) -> Tensor:
        synapse, membrane = node.to(x.device).reset_mem()
        spikes = []
        for step in x.unbind(0):
            s, synapse, membrane = node(step, synapse, membrane)
            spikes.append(s)
        return torch.stack(spikes)

    return run


LAYERS: dict[str, Callable[[], Layer]] = {
    "LIF, published loop": lambda: indexing_loop,
    "LIF, unbind loop": lambda: baselines.lif_unbound,
    "LIF, SpikingJelly": _spikingjelly,
    "LIF, snnTorch": _snntorch,
    "LIF, fused (here)": lambda: ss.LIF(TAU, TAU, DT),
    "SPSN-SB, FFT in torch": lambda: fourier_spsn,
    "SPSN-SB (here)": lambda: ss.SPSN(TAU, TAU, DT, firing="bernoulli"),
}
"""What is timed, by name: each value makes the layer."""
PEERS = {"LIF, SpikingJelly": "spikingjelly", "LIF, snnTorch": "snntorch"}
"""The package that a layer needs."""


def installed() -> list[str]:
    """The layers whose package is there."""
    return [name for name in LAYERS if name not in PEERS or importlib.util.find_spec(PEERS[name]) is not None]
