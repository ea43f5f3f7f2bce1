"""What is counted while samples pass: loss, right answers, spikes. Plain sums, so that ranks can be added up."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import torch
from torch import Tensor

from spikescan.losses import valid_steps
from spikescan.types import NeuronOutput


@dataclass
class Tally:
    """Sums over samples. All tensors are float64 on the device of the batches."""

    layers: int
    device: torch.device | str = "cpu"
    samples: Tensor = field(init=False)
    loss: Tensor = field(init=False)
    right: Tensor = field(init=False)
    """Samples whose label is the prediction."""
    spikes: Tensor = field(init=False)
    """(layers,) spikes in all."""
    spikes_per_ms: Tensor = field(init=False)
    """(layers,) each sample's spikes over its milliseconds, summed over samples."""
    neuron_steps: Tensor = field(init=False)
    """(layers,) chances to spike: neurons times steps of data."""
    distance: Tensor = field(init=False)
    """(layers,) each batch's mean of (û - u)², where it was evaluated, times its samples."""
    membrane: Tensor = field(init=False)
    """(layers,) each sample's distance of u from the membrane of a sequential LIF, where that is watched."""

    def __post_init__(self) -> None:
        layered = "spikes", "spikes_per_ms", "neuron_steps", "distance", "membrane"
        shapes: dict[str, tuple[int, ...]] = dict.fromkeys(layered, (self.layers,))
        for name in self.sums():
            setattr(self, name, torch.zeros(shapes.get(name, ()), dtype=torch.float64, device=self.device))

    @classmethod
    def sums(cls) -> list[str]:
        return [item.name for item in fields(cls) if not item.init]

    @torch.no_grad()
    def add_scores(self, scores: Tensor, labels: Tensor, loss: Tensor) -> None:
        """``scores`` (B, classes), ``labels`` (B,), ``loss`` the batch's mean."""
        self.right += (scores.argmax(1) == labels).sum()
        self.samples += len(labels)
        self.loss += loss.detach().double() * len(labels)

    @torch.no_grad()
    def add_layers(self, layers: tuple[NeuronOutput, ...], lengths: Tensor | None, milliseconds: Tensor) -> None:
        """``milliseconds`` (B,) of data in each sample; steps behind ``lengths`` (B,) count in nothing."""
        for index, layer in enumerate(layers):
            if layer.estimation_loss is not None:
                self.distance[index] += layer.estimation_loss.double() * len(milliseconds)
            if layer.spikes is None:
                continue
            valid = valid_steps(layer.spikes, lengths)
            by_row = layer.spikes.flatten(2).sum(2, dtype=torch.float32).double().masked_fill(~valid, 0).sum(0)  # (B,)
            self.spikes[index] += by_row.sum()
            self.spikes_per_ms[index] += (by_row / milliseconds.clamp(min=1e-3)).sum()
            self.neuron_steps[index] += valid.sum() * layer.spikes[0, 0].numel()

    @property
    def accuracy(self) -> float:
        return self._mean(self.right)

    @property
    def mean_loss(self) -> float:
        return self._mean(self.loss)

    @property
    def mean_spikes_per_ms(self) -> float:
        return self._mean(self.spikes_per_ms.sum())

    @property
    def spike_rate(self) -> list[float]:
        """Spikes a neuron and step, by layer."""
        return (self.spikes / self.neuron_steps.clamp(min=1)).tolist()

    @property
    def estimation_distance(self) -> list[float]:
        """Root mean square of û - u over samples, steps and neurons, by layer; of samples seen with κ = 1."""
        return (self.distance / self.samples.clamp(min=1)).sqrt().tolist()

    @property
    def membrane_distance(self) -> list[float]:
        """Mean over the samples, by layer."""
        return (self.membrane / self.samples.clamp(min=1)).tolist()

    def _mean(self, total: Tensor) -> float:
        return (total / self.samples.clamp(min=1)).item()
