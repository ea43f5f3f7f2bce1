"""What a parallel neuron is timed against, written as their users have them: plain torch operations over (T, B, N).

α, β decays of synapse and membrane; each is a function from a current to spikes.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

import spikescan as ss

TAU, DT = 20e-3, 1e-3
DECAY = math.exp(-DT / TAU)
Layer = Callable[[Tensor], Tensor]


class _Heaviside(torch.autograd.Function):
    """Θ(v) with the published surrogate 1/(100·|v| + 1)²."""

    @staticmethod
    def forward(ctx, v: Tensor) -> Tensor:  # type: ignore[override]
        ctx.save_for_backward(v)
        return (v > 0).to(v.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor) -> Tensor:  # type: ignore[override]
        (v,) = ctx.saved_tensors
        return gradient / (100 * v.abs() + 1).square()


class _Bernoulli(torch.autograd.Function):
    """A draw with probability ρ, and ∂s/∂ρ ≈ ρ (SPSN eq. 19)."""

    @staticmethod
    def forward(ctx, rho: Tensor) -> Tensor:  # type: ignore[override]
        ctx.save_for_backward(rho)
        return torch.bernoulli(rho)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor) -> Tensor:  # type: ignore[override]
        return gradient * ctx.saved_tensors[0]


def _step(x: Tensor, i: Tensor | float, u: Tensor | float) -> tuple[Tensor, Tensor, Tensor]:
    i = DECAY * i + x
    w = DECAY * u + (1 - DECAY) * i
    s = _Heaviside.apply(w - 1)
    assert isinstance(s, Tensor)
    return i, w * (1 - s.detach()), s


def indexing_loop(x: Tensor) -> Tensor:
    """LIF as published: batch first, each step taken by an index, whose backward fills a whole sequence."""
    batch_first = x.transpose(0, 1)
    i, u, spikes = 0.0, 0.0, []
    for t in range(x.shape[0]):
        i, u, s = _step(batch_first[:, t], i, u)
        spikes.append(s)
    return torch.stack(spikes)


def unbind_loop(x: Tensor) -> Tensor:
    """The same LIF over ``x.unbind``, whose backward is one stack."""
    i, u, spikes = 0.0, 0.0, []
    for step in x.unbind(0):
        i, u, s = _step(step, i, u)
        spikes.append(s)
    return torch.stack(spikes)


def fourier_spsn(x: Tensor) -> Tensor:
    """SPSN-SB by eq. 15: both filters multiplied in the Fourier domain, and a Bernoulli draw.

    Two filters and an input of T steps make 3T - 2: zero-padded to less, the end would come round to the beginning.
    """
    steps = x.shape[0]
    size = 3 * steps
    powers = DECAY ** torch.arange(steps, dtype=torch.float64, device=x.device)
    filters = torch.fft.rfft(torch.stack((powers, (1 - DECAY) * powers)).to(x.dtype), n=size).prod(0)
    spectrum = torch.fft.rfft(x, n=size, dim=0) * filters[:, None, None]
    u = torch.fft.irfft(spectrum, n=size, dim=0)[:steps]
    spikes = _Bernoulli.apply(u.sigmoid())
    assert isinstance(spikes, Tensor)
    return spikes


def _spikingjelly() -> Layer:
    """One LIFNode over all steps; it has no synapse stage. τ in steps."""
    from spikingjelly.activation_based import functional, neuron  # type: ignore[import-not-found]

    node = neuron.LIFNode(tau=1 / (1 - DECAY), detach_reset=True, step_mode="m")

    def run(x: Tensor) -> Tensor:
        functional.reset_net(node)
        return node.to(x.device)(x)

    return run


def _snntorch() -> Layer:
    """Synaptic, the neuron with both stages, in the loop over steps that it is made for."""
    import snntorch  # type: ignore[import-not-found]

    node = snntorch.Synaptic(alpha=DECAY, beta=DECAY, reset_mechanism="zero")

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
    "LIF, unbind loop": lambda: unbind_loop,
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
