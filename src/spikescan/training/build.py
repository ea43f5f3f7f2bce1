"""From a recipe to what is trained: the data set with its splits, the batches and the network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

import spikescan as ss
from spikescan.data.augment import Augmentation
from spikescan.data.batches import Batch, BatchMaker
from spikescan.data.catalog import Dataset, load
from spikescan.data.events import EventStore
from spikescan.data.shd import Progress
from spikescan.data.splits import validation_split
from spikescan.errors import InputError
from spikescan.networks import SpikingMLP
from spikescan.training import neurons
from spikescan.training.loaders import INIT, SPLIT, stream
from spikescan.training.recipe import Recipe


@dataclass(frozen=True)
class Material:
    """A data set and which of its samples serve for what: ``train``, ``test`` and, where they are held out,
    ``validation``."""

    recipe: Recipe
    dataset: Dataset
    stores: dict[str, EventStore]
    splits: dict[str, np.ndarray]
    """Indices of each split's samples in its store."""

    @property
    def inputs(self) -> int:
        return -(-self.dataset.channels // self.recipe.data.pool)

    @property
    def fan_out(self) -> list[int]:
        """Neurons that one event of the input, and one spike of each hidden layer, reaches."""
        return [*self.recipe.network.hidden, self.outputs]

    @property
    def outputs(self) -> int:
        """Neurons of the readout, at least one a class."""
        return self.recipe.network.outputs or self.dataset.classes

    @property
    def answers(self) -> tuple[str, ...]:
        """A name for each neuron of the readout."""
        return (*self.dataset.class_names, *(f"none ({k})" for k in range(self.dataset.classes, self.outputs)))

    def maker(self, split: str, augment: bool = False) -> BatchMaker:
        data = self.recipe.data
        return BatchMaker(
            self.stores[split],
            channels=self.dataset.channels,
            dt=None if data.frames else data.dt,
            frames=data.frames,
            pool=data.pool,
            pad=data.pad,
            augment=Augmentation(data.scale, data.shift) if augment else None,
        )

    def milliseconds(self, split: str, batch: Batch) -> Tensor:
        """(B,) duration of each sample as the network sees it: with padding, where that is not masked."""
        data, lengths = self.recipe.data, batch.lengths
        if data.frames:
            return torch.from_numpy(self.stores[split].durations[batch.indices.cpu().numpy()] / 1e3).to(lengths.device)
        steps = lengths if data.mask else torch.full_like(lengths, batch.events.shape[0])
        return steps.double() * (data.dt * 1e3)

    def network(self) -> SpikingMLP:
        """A new network; its weights are a function of the recipe's seed."""
        torch.manual_seed(stream(self.recipe.seed, INIT))
        values = self.recipe.network
        sizes = iter(values.hidden)
        return SpikingMLP(
            self.inputs,
            values.hidden,
            self.outputs,
            neuron=lambda: neurons.build(self.recipe, next(sizes)),
            readout=self._readout if values.readout == "leaky" else None,
            norm=values.norm,
            dropout=values.dropout,
            bias=values.bias,
            init=values.init,
        )

    def _readout(self) -> ss.LeakyIntegrator:
        values = self.recipe.network
        return ss.LeakyIntegrator(values.readout_tau_mem, values.readout_tau_syn, self.recipe.data.dt)


def material(recipe: Recipe, store: Path | str | None = None, progress: Progress | None = None) -> Material:
    """Open (and where needed convert) the data set of ``recipe`` and split it.

    Raises:
        InputError: for data that are missing, damaged or too few to split.
    """
    data = recipe.data
    dataset = load(data.name, root=data.root, store=store, channels=data.channels, progress=progress)
    if data.pool > dataset.channels:
        raise InputError(f"data.pool: {data.pool}, but data set {data.name} has {dataset.channels} channels")
    if (outputs := recipe.network.outputs or dataset.classes) < dataset.classes:
        raise InputError(f"network.outputs: {outputs}, but data set {data.name} has {dataset.classes} classes")
    for name, part in dataset.splits.items():
        if not len(part):
            raise InputError(f"data set {data.name}: its {name} split holds no sample")
    stores = {"train": dataset.train, "test": dataset.test}
    splits = {name: np.arange(len(store)) for name, store in stores.items()}
    if recipe.protocol.name == "held-out":
        stores["validation"], parts = _validation(recipe, dataset)
        splits |= parts
    return Material(recipe, dataset, stores, splits)


def _validation(recipe: Recipe, dataset: Dataset) -> tuple[EventStore, dict[str, np.ndarray]]:
    """The store of the validation samples, and the splits that change by having them."""
    protocol, store = recipe.protocol, dataset.train
    if protocol.holdout_speaker is None and dataset.validation is not None:
        return dataset.validation, {"validation": np.arange(len(dataset.validation))}
    train, validation = validation_split(
        store, fraction=protocol.validation, seed=stream(recipe.seed, SPLIT), speaker=protocol.holdout_speaker
    )
    return store, {"train": train, "validation": validation}


def parameter_count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())
