"""What spikescan is compared with, in plain torch operations as their papers write them.

x input (B, T, N) as published, or (T, B, N) where said; i synaptic current, u membrane potential, ρ probability,
s spikes, α, β decays. Each is the published formulation, in the published layout where there is one.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

ALPHA = BETA = math.exp(-1e-3 / 20e-3)
"""Δt = 1 ms, τ_syn = τ_mem = 20 ms: the values of the SPSN paper, table I."""


class Spike(torch.autograd.Function):
    """Θ, with 1/(100·abs(z) + 1)² for its derivative (the published LIF's)."""

    @staticmethod
    def forward(ctx, z):
        ctx.save_for_backward(z)
        return (z > 0).to(z.dtype)

    @staticmethod
    def backward(ctx, *grads):
        return grads[0] / (100 * ctx.saved_tensors[0].abs() + 1) ** 2


class Triangle(torch.autograd.Function):
    """Θ, with max(0, 1 - abs(z)) for its derivative (MPE-PSN's)."""

    @staticmethod
    def forward(ctx, z):
        ctx.save_for_backward(z)
        return (z > 0).to(z.dtype)

    @staticmethod
    def backward(ctx, *grads):
        return grads[0] * (1 - ctx.saved_tensors[0].abs()).clamp_min(0)


class Sample(torch.autograd.Function):
    """s ~ Bernoulli(ρ), ∂s/∂ρ ≈ ρ (SPSN eq. 18, 19)."""

    @staticmethod
    def forward(ctx, rho):
        ctx.save_for_backward(rho)
        return torch.bernoulli(rho)

    @staticmethod
    def backward(ctx, *grads):
        return grads[0] * ctx.saved_tensors[0]


def integrate(x: Tensor, alpha: float = ALPHA, beta: float = BETA) -> Tensor:
    """u (B, T, N) = F⁻¹{F{k}·F{l}·F{x}} (SPSN eq. 15), zero-padded to 2T.

    k * l is cut to T before the transform of x, so that the product of three sequences does not wrap around; it has
    T numbers, and its cost is nothing beside x.
    """
    steps = x.shape[1]
    time = torch.arange(steps, device=x.device, dtype=torch.float64)
    kernels = torch.stack([alpha**time, (1 - beta) * beta**time])
    kernel = torch.fft.irfft(torch.fft.rfft(kernels, 2 * steps).prod(0), 2 * steps)[:steps].to(x.dtype)
    spectrum = torch.fft.rfft(kernel, 2 * steps)[:, None]
    return torch.fft.irfft(spectrum * torch.fft.rfft(x, 2 * steps, dim=1), 2 * steps, dim=1)[:, :steps]


def gumbel_softmax(u: Tensor) -> Tensor:
    """SPSN-GS as published: the two classes' logits stacked, two Gumbel numbers a spike."""
    return F.gumbel_softmax(torch.stack((u, -u), dim=-1), tau=1.0, hard=True)[..., 0]


def escape(u: Tensor) -> Tensor:
    """ρ = min(1, exp((u - b)/c)/a) with a = b = c = 1 (SPSN eq. 16)."""
    return Sample.apply(torch.exp(u - 1).clamp(max=1))  # type: ignore[return-value]


def relu_tanh(u: Tensor) -> Tensor:
    return torch.tanh(u).relu()


def threshold(activation: Callable[[Tensor], Tensor], level: float) -> Callable[[Tensor], Tensor]:
    return lambda u: Spike.apply(activation(u) - level)  # type: ignore[return-value]


def delta(activation: Callable[[Tensor], Tensor], level: float = 0.1) -> Callable[[Tensor], Tensor]:
    def fire(u: Tensor) -> Tensor:
        before = F.pad(u[:, :-1], (0, 0, 1, 0))
        return Spike.apply(activation(u) - activation(before) - level)  # type: ignore[return-value]

    return fire


def identity(u: Tensor) -> Tensor:
    return u


FIRINGS: dict[str, Callable[[Tensor], Tensor]] = {
    "bernoulli": lambda u: Sample.apply(torch.sigmoid(u)),  # type: ignore[return-value]
    "bernoulli_relu_tanh": lambda u: Sample.apply(relu_tanh(u)),  # type: ignore[return-value]
    "gumbel": gumbel_softmax,
    "escape": escape,
    "threshold": threshold(identity, 1.0),
    "threshold_sigmoid": threshold(torch.sigmoid, 0.5),
    "threshold_tanh": threshold(torch.tanh, 0.5),
    "threshold_relu_tanh": threshold(relu_tanh, 0.5),
    "delta": delta(identity),
    "delta_sigmoid": delta(torch.sigmoid),
    "delta_tanh": delta(torch.tanh),
    "delta_relu_tanh": delta(relu_tanh),
}


def spsn(x: Tensor, firing: str = "bernoulli") -> Tensor:
    """Spikes (B, T, N) of an SPSN by Fourier transform."""
    return FIRINGS[firing](integrate(x))


def lif_step(now: Tensor, i: Tensor, u: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(s, i, u) after one step of the published LIF (SPSN eq. 5, 6, 3), the reset detached."""
    i = ALPHA * i + now
    w = BETA * u + (1 - BETA) * i
    s: Tensor = Spike.apply(w - 1)  # type: ignore[assignment]
    return s, i, w * (1 - s.detach())


def lif_indexed(x: Tensor) -> Tensor:
    """The published loop over `x[:, t]`, x (B, T, N): the backward of that indexing writes a whole sequence at every
    step, so that its time grows with T²."""
    i = u = torch.zeros_like(x[:, 0])
    spikes = []
    for t in range(x.shape[1]):
        s, i, u = lif_step(x[:, t], i, u)
        spikes.append(s)
    return torch.stack(spikes, dim=1)


def lif_unbound(x: Tensor) -> Tensor:
    """The same loop over `x.unbind()`, x (T, B, N): linear in T, and each step's memory in one piece."""
    i = u = torch.zeros_like(x[0])
    spikes = []
    for now in x.unbind():
        s, i, u = lif_step(now, i, u)
        spikes.append(s)
    return torch.stack(spikes)


def mpe_psn(x: Tensor, level: Tensor, kappa: Tensor, decay: float = 0.25) -> tuple[Tensor, Tensor]:
    """(spikes (T, B, N), L_mem) of MPE-PSN with estimate="previous": elementwise, and one shift in time."""
    with torch.no_grad():
        drawn = torch.bernoulli(torch.sigmoid(x))
    estimate = (1 - drawn) * x
    charge = decay * F.pad(estimate[:-1], (0, 0, 0, 0, 1, 0)) + x
    spikes: Tensor = Triangle.apply(charge - level)  # type: ignore[assignment]
    potential = (1 - spikes) * charge
    loss = (kappa[:, None, None] * (estimate - potential).square()).mean()
    return spikes, loss
