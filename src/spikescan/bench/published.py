"""A training step of the SPSN paper as its code does it: dense images, Fourier neurons, left padding; plain torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spikescan.bench import baselines

if TYPE_CHECKING:
    from spikescan.data.events import EventStore

SCALE, SHIFT = 0.3, 0.1
"""k_scale and k_shift of the paper's table I."""


class PublishedNetwork(nn.Module):
    """Linear and neuron, three times, then Linear and a leaky integrator; all of it (B, T, features).

    Args:
        neuron: currents to spikes, both (B, T, N).
    """

    def __init__(
        self,
        inputs: int = 700,
        hidden: Sequence[int] = (128, 128, 128),
        classes: int = 20,
        neuron: Callable[[Tensor], Tensor] = baselines.spsn,
    ) -> None:
        super().__init__()
        sizes = [inputs, *hidden, classes]
        self.linears = nn.ModuleList(nn.Linear(before, after) for before, after in pairwise(sizes))
        self.neuron = neuron
        for linear in self.linears:
            assert isinstance(linear, nn.Linear)
            nn.init.kaiming_uniform_(linear.weight, mode="fan_in", nonlinearity="linear")
            nn.init.zeros_(linear.bias)

    def forward(self, x: Tensor) -> Tensor:
        """The readout's potentials (B, T, classes)."""
        *hidden, output = self.linears
        for linear in hidden:
            x = self.neuron(linear(x))
        return baselines.integrate(output(x))


def unbound_lif(x: Tensor) -> Tensor:
    """The loop over `unbind`, for a network that is batch first."""
    return baselines.lif_unbound(x.transpose(0, 1)).transpose(0, 1)


def image(store: EventStore, sample: int, channels: int, dt: float = 1e-3) -> Tensor:
    """The counts of one recording, (T, channels); `dt` in seconds."""
    part = slice(int(store.offsets[sample]), int(store.offsets[sample + 1]))
    step = np.asarray(store.times[part]).astype(np.int64) // round(dt * 1e6)
    steps = int(step[-1]) + 1 if len(step) else 1
    place = step * channels + np.asarray(store.channels[part])
    counts = np.bincount(place, minlength=steps * channels).reshape(steps, channels)
    return torch.from_numpy(counts.astype(np.float32))


def affine(picture: Tensor, factor: float, shift: int) -> Tensor:
    """A picture (T, C) scaled by `factor` about its centre and shifted by `shift` channels: an affine map of the dense
    image, nearest neighbour."""
    channels = picture.shape[1]
    theta = torch.tensor([[[1 / factor, 0, -2 * shift / channels / factor], [0, 1 / factor, 0]]])
    grid = F.affine_grid(theta, [1, 1, *picture.shape], align_corners=False)
    return F.grid_sample(picture[None, None], grid, mode="nearest", align_corners=False)[0, 0]


def batch(store: EventStore, samples: Sequence[int], channels: int, generator: np.random.Generator) -> Tensor:
    """(B, T, channels): each recording augmented on its own, padded on the left to the longest."""
    pictures = []
    for sample in samples:
        factor, reach = generator.uniform(1 - SCALE, 1 + SCALE), SHIFT * channels
        pictures.append(affine(image(store, sample, channels), factor, round(generator.uniform(-reach, reach))))
    longest = max(len(picture) for picture in pictures)
    return torch.stack([F.pad(picture, (0, 0, longest - len(picture), 0)) for picture in pictures])


def loss(network: nn.Module, x: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy on the mean over all time steps, padding included (SPSN eq. 20)."""
    return F.cross_entropy(network(x).mean(1), labels)
