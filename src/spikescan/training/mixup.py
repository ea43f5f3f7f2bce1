"""Mixup (Zhang et al. 2018) on events: the samples of a batch add up in pairs, as the MPE-PSN experiments do it.

A batch is mixed up as a whole or not at all: x[b] becomes λ·x[b] + (1-λ)·x[B-1-b], with one λ ~ Beta(a, a) for the
batch. The label is not mixed; it is that of the larger share.
"""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from spikescan.data.event_tensor import Batch, EventTensor
from spikescan.training.sections import TrainingRecipe


def mixup(batch: Batch, values: TrainingRecipe, epoch: int, seed: int) -> Batch:
    """``batch``, or its mixture where the recipe says so; a pure function of the arguments."""
    if values.mixup_epochs is not None and epoch >= values.mixup_epochs:
        return batch
    generator = np.random.default_rng(seed)
    if generator.random() >= values.mixup:
        return batch
    return mixed(batch, generator.beta(values.mixup_beta, values.mixup_beta))


def mixed(batch: Batch, share: float) -> Batch:
    """Every sample with weight ``share`` and its partner with what is left."""
    return Batch(
        _mixed(batch.events, share),
        labels=batch.labels if share >= 0.5 else batch.labels.flip(0),
        lengths=torch.maximum(batch.lengths, batch.lengths.flip(0)),
        indices=batch.indices,
    )


def _mixed(inputs: EventTensor | Tensor, share: float) -> EventTensor | Tensor:
    if isinstance(inputs, Tensor):
        return share * inputs + (1 - share) * inputs.flip(1)
    return mixed_events(inputs, share)


def mixed_events(events: EventTensor, share: float) -> EventTensor:
    """The events of both, weighted; rows still rise."""
    row = torch.cat([events.row, events.shape[1] - 1 - events.row])
    order = torch.argsort(row, stable=True)

    def both(column: Tensor) -> Tensor:
        return torch.cat([column, column])[order]

    value = torch.ones(len(events), device=events.device) if events.value is None else events.value
    weighted = torch.cat([value * share, value * (1 - share)])[order]
    return replace(events, step=both(events.step), row=row[order], channel=both(events.channel), value=weighted)
