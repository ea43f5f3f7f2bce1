"""From a recipe to what is trained: the data set with its splits, the batches and the network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

import spikescan as ss
from spikescan.data import cifar10
from spikescan.data.augment import Augment, Augmentation
from spikescan.data.batches import Batch, BatchMaker
from spikescan.data.camera_augment import CameraAugmentation
from spikescan.data.catalog import Dataset, Store, load
from spikescan.data.image_batches import ImageBatches
from spikescan.data.images import ImageStore
from spikescan.data.shd import Progress
from spikescan.data.splits import first_of_each, validation_split
from spikescan.errors import InputError
from spikescan.networks import SpikingMLP
from spikescan.networks.mlp import draw_as_published
from spikescan.training import networks, neurons
from spikescan.training.loaders import INIT, SPLIT, stream
from spikescan.training.recipe import Recipe


@dataclass(frozen=True)
class Material:
    """A data set and which of its samples serve for what: ``train``, ``test`` and, where they are held out,
    ``validation``."""

    recipe: Recipe
    dataset: Dataset
    stores: dict[str, Store]
    splits: dict[str, np.ndarray]
    """Indices of each split's samples in its store."""

    @property
    def inputs(self) -> int:
        return -(-self.dataset.channels // self.recipe.data.pool)

    @property
    def outputs(self) -> int:
        """Neurons of the readout, at least one a class."""
        return self.recipe.network.outputs or self.dataset.classes

    @property
    def answers(self) -> tuple[str, ...]:
        """A name for each neuron of the readout."""
        return (*self.dataset.class_names, *(f"none ({k})" for k in range(self.dataset.classes, self.outputs)))

    def maker(self, split: str, augment: bool = False) -> BatchMaker | ImageBatches:
        data, store = self.recipe.data, self.stores[split]
        if isinstance(store, ImageStore):
            return cifar10.batches(store, augment)
        return BatchMaker(
            store,
            channels=self.dataset.channels,
            dt=None if data.frames else data.step,
            frames=data.frames,
            frame_by=data.frame_by,
            pool=data.pool,
            pad=data.pad,
            augment=_augmentation(self.recipe, self.dataset) if augment else None,
        )

    def milliseconds(self, split: str, batch: Batch) -> Tensor:
        """(B,) duration of each sample as the network sees it: with padding, where that is not masked.

        A still image has none of its own; it lasts for the steps that it is shown, ``data.dt`` each. A recording that
        is cut into frames lasts at least a millisecond: one without events would else have spikes without end.
        """
        data, lengths = self.recipe.data, batch.lengths
        if isinstance(self.stores[split], ImageStore):
            return torch.full_like(lengths, self.recipe.steps or 1).double() * (data.step * 1e3)
        if data.frames:
            lasts = self.stores[split].durations[batch.indices.cpu().numpy()] / 1e3
            return torch.from_numpy(lasts).clamp(min=1.0).to(lengths.device)
        steps = lengths if data.masked else torch.full_like(lengths, batch.events.shape[0])
        return steps.double() * (data.step * 1e3)

    def network(self) -> networks.Network:
        """A new network; its weights are a function of the recipe's seed, in the published protocol the same as in
        the published code."""
        torch.manual_seed(stream(self.recipe.seed, INIT))
        values = self.recipe.network
        sizes = iter((values.kind == "mlp" and values.hidden) or ())
        network = networks.build(
            values,
            inputs=self.inputs,
            sensor=self.dataset.sensor,
            classes=self.outputs,
            neuron=lambda: neurons.build(self.recipe, next(sizes, 1)),
            readout=self._readout if values.readout == "leaky" else None,
        )
        if isinstance(network, SpikingMLP) and values.init == self.recipe.protocol.name == "published":
            draw_as_published(network, self.recipe.seed)
        for name, parameter in network.neurons.named_parameters():
            if name.endswith("kappa"):
                parameter.requires_grad_(self.recipe.loss.learn_kappa)
        return network

    def _readout(self) -> ss.LeakyIntegrator:
        values = self.recipe.network
        return ss.LeakyIntegrator(values.readout_tau_mem, values.readout_tau_syn, self.recipe.data.step)


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
    if networks.takes_frames(recipe.network.kind) and (dataset.sensor is None or data.pool > 1):
        why = f"data.pool is {data.pool}" if dataset.sensor else "it has none"
        raise InputError(f"network.kind {recipe.network.kind} needs the sensor of data set {data.name} whole: {why}")
    for name, part in dataset.splits.items():
        if not len(part):
            raise InputError(f"data set {data.name}: its {name} split holds no sample")
    stores: dict[str, Store] = {"train": dataset.train, "test": dataset.test}
    splits = {name: np.arange(len(store)) for name, store in stores.items()}
    if recipe.protocol.name == "held-out":
        stores["validation"], parts = _validation(recipe, dataset)
        splits |= parts
    if data.limit is not None:
        splits = {name: first_of_each(stores[name].labels, chosen, data.limit) for name, chosen in splits.items()}
    if recipe.protocol.drop_last:
        splits["test"] = _whole_batches(splits["test"], recipe.training.batch_size)
    return Material(recipe, dataset, stores, splits)


def _whole_batches(chosen: np.ndarray, size: int) -> np.ndarray:
    if len(chosen) < size:
        raise InputError(
            f"protocol.drop_last: {len(chosen)} test samples do not fill one batch of {size}; leave it out"
        )
    return chosen[: len(chosen) // size * size]


def _validation(recipe: Recipe, dataset: Dataset) -> tuple[Store, dict[str, np.ndarray]]:
    """The store of the validation samples, and the splits that change by having them."""
    protocol, store = recipe.protocol, dataset.train
    if protocol.holdout_speaker is None and dataset.validation is not None:
        return dataset.validation, {"validation": np.arange(len(dataset.validation))}
    train, validation = validation_split(
        store, fraction=protocol.validation, seed=stream(recipe.seed, SPLIT), speaker=protocol.holdout_speaker
    )
    return store, {"train": train, "validation": validation}


def _augmentation(recipe: Recipe, dataset: Dataset) -> Augment:
    """What is done to training samples: crop, flip and drop where the recipe asks for them, else scale and shift."""
    data = recipe.data
    if not (data.crop or data.flip or data.drop):
        return Augmentation(data.scale, data.shift)
    if dataset.sensor is None:
        raise InputError(f"data.crop, flip and drop are for camera events, and data set {dataset.name} has no sensor")
    return CameraAugmentation(dataset.sensor, padding=data.crop, flip=data.flip, drop=data.drop)


def parameter_count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())
