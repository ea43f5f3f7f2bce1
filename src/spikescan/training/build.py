"""From a recipe to what is trained: the data set with its splits, the batches and the network."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

import spikescan as ss
from spikescan.data.augment import Augment, Augmentation
from spikescan.data.camera_augment import CameraAugmentation
from spikescan.data.catalog import Splits, load
from spikescan.data.dataset import Dataset
from spikescan.data.event_tensor import Batch
from spikescan.data.images import ImageStore
from spikescan.data.making import Maker, maker
from spikescan.data.shd import Progress
from spikescan.delays import AxonalDelay
from spikescan.errors import InputError
from spikescan.networks import SpikingMLP
from spikescan.networks.mlp import draw_as_published
from spikescan.training import networks, neurons
from spikescan.training.facts import Facts, of_data
from spikescan.training.loaders import INIT, SPLIT, stream
from spikescan.training.recipe import Recipe


@dataclass(frozen=True)
class Material:
    """A data set and which of its samples serve for what: ``train``, ``test`` and, where they are held out,
    ``validation``."""

    recipe: Recipe
    dataset: Splits
    """The set as it came from disk."""
    splits: dict[str, Dataset]
    """What this recipe makes of it."""

    @property
    def facts(self) -> Facts:
        """What the run keeps of its data, but for their digests."""
        return of_data(self.dataset, self.recipe.data.name)

    @property
    def inputs(self) -> int:
        """Channels that the network sees."""
        return inputs(self.recipe, self.facts)

    @property
    def outputs(self) -> int:
        """Neurons of the readout, at least one per class."""
        return len(self.answers)

    @property
    def answers(self) -> tuple[str, ...]:
        """A name for each neuron of the readout."""
        return answers(self.recipe, self.facts)

    def maker(self, split: str, augment: bool = False) -> Maker:
        changed = _augmentation(self.recipe, self.dataset) if augment else None
        return batches_of(self.recipe, self.splits[split], changed)

    def milliseconds(self, split: str, batch: Batch) -> Tensor:
        """(B,) duration of each sample as the network sees it: with padding, where that is not masked.

        A still image has none of its own; it lasts for the steps that it is shown, ``data.dt`` each. A recording that
        is cut into frames lasts at least a millisecond: one without events would else have spikes without end.
        """
        data, lengths, store = self.recipe.data, batch.lengths, self.splits[split].store
        if isinstance(store, ImageStore):
            return torch.full_like(lengths, self.recipe.steps or 1).double() * (data.step * 1e3)
        if data.frames:
            lasts = store.durations[batch.indices.cpu().numpy()] / 1e3
            return torch.from_numpy(lasts).clamp(min=1.0).to(lengths.device)
        steps = lengths if data.masked else torch.full_like(lengths, batch.events.shape[0])
        return steps.double() * (data.step * 1e3)

    def network(self) -> networks.Network:
        """A new network; its weights are a function of the recipe's seed."""
        return network_of(self.recipe, self.facts)


def inputs(recipe: Recipe, facts: Facts) -> int:
    """Channels that the network sees: those of the data, pooled."""
    return -(-facts.channels // recipe.data.pool)


def answers(recipe: Recipe, facts: Facts) -> tuple[str, ...]:
    """A name for each neuron of the readout: of which the recipe may ask for more than there are classes."""
    outputs = recipe.network.outputs or facts.classes
    return (*facts.class_names, *(f"none ({k})" for k in range(facts.classes, outputs)))


def batches_of(recipe: Recipe, data: Dataset, augment: Augment | None = None) -> Maker:
    """What makes batches of ``data`` as the recipe says."""
    values = recipe.data
    return maker(
        data,
        dt=None if values.frames else values.step,
        frames=values.frames,
        frame_by=values.frame_by,
        pool=values.pool,
        pad=values.pad,
        augment=augment,
        tail=0.0 if values.frames else values.tail,
    )


def network_of(recipe: Recipe, facts: Facts) -> networks.Network:
    """A new network; its weights are a function of the recipe's seed, in the published protocol the same as in the
    published code."""
    torch.manual_seed(stream(recipe.seed, INIT))
    values = recipe.network
    sizes = iter((values.kind == "mlp" and values.hidden) or ())
    network = networks.build(
        values,
        inputs=inputs(recipe, facts),
        sensor=facts.sensor,
        classes=len(answers(recipe, facts)),
        neuron=lambda: neurons.build(recipe, next(sizes, 1)),
        readout=(lambda: _readout(recipe)) if values.readout == "leaky" else None,
        delay=partial(AxonalDelay, max_delay=values.max_delay, dt=recipe.data.step) if values.delays else None,
    )
    if isinstance(network, SpikingMLP) and values.init == recipe.protocol.name == "published":
        draw_as_published(network, recipe.seed)
    for name, parameter in network.neurons.named_parameters():
        if name.endswith("kappa"):
            parameter.requires_grad_(recipe.loss.learn_kappa)
    return network


def _readout(recipe: Recipe) -> ss.LeakyIntegrator:
    return ss.LeakyIntegrator(recipe.network.readout_tau_mem, recipe.network.readout_tau_syn, recipe.data.step)


def material(recipe: Recipe, store: Path | str | None = None, progress: Progress | None = None) -> Material:
    """Open (and where needed convert) the data set of ``recipe`` and split it.

    Raises:
        InputError: for data that are missing, damaged or too few to split.
    """
    data = recipe.data
    places = {"root": data.root, "store": store, "channels": data.channels}
    return divided(recipe, load(data.name, **places, progress=progress, audio=recipe.audio))


def divided(recipe: Recipe, dataset: Splits) -> Material:
    """``dataset`` with its validation samples, as ``recipe`` takes them.

    Raises:
        InputError: for data that do not suit the recipe, or are too few to split.
    """
    data = recipe.data
    if data.pool > dataset.channels:
        raise InputError(f"data.pool: {data.pool}, but data set {dataset.name} has {dataset.channels} channels")
    if (outputs := recipe.network.outputs or dataset.classes) < dataset.classes:
        raise InputError(f"network.outputs: {outputs}, but data set {dataset.name} has {dataset.classes} classes")
    if networks.takes_frames(recipe.network.kind) and (dataset.sensor is None or data.pool > 1):
        why = f"data.pool is {data.pool}" if dataset.sensor else "it has none"
        raise InputError(f"network.kind {recipe.network.kind} needs the sensor of data set {dataset.name} whole: {why}")
    for name, part in dataset.parts.items():
        if not len(part):
            raise InputError(f"data set {dataset.name}: its {name} split holds no sample")
    splits = {"train": dataset.train, "test": dataset.test}
    if recipe.protocol.name == "held-out":
        splits |= _validation(recipe, dataset)
    if data.limit is not None:
        splits = {name: part.first_of_each(data.limit) for name, part in splits.items()}
    if recipe.protocol.drop_last:
        splits["test"] = _whole_batches(splits["test"], recipe.training.batch_size)
    return Material(recipe, dataset, splits)


def _whole_batches(samples: Dataset, size: int) -> Dataset:
    if len(samples) < size:
        raise InputError(
            f"protocol.drop_last: {len(samples)} test samples do not fill one batch of {size}; leave it out"
        )
    return samples.subset(np.arange(len(samples) // size * size))


def _validation(recipe: Recipe, dataset: Splits) -> dict[str, Dataset]:
    """The splits that change by having validation samples."""
    protocol = recipe.protocol
    if protocol.holdout_speaker is None and dataset.validation is not None:
        return {"validation": dataset.validation}
    train, validation = dataset.train.split(
        protocol.validation, seed=stream(recipe.seed, SPLIT), speaker=protocol.holdout_speaker
    )
    return {"train": train, "validation": validation}


def _augmentation(recipe: Recipe, dataset: Splits) -> Augment:
    """What is done to training samples: crop, flip and drop where the recipe asks for them, else scale and shift; time
    alone is scaled where neither an order of the channels nor a sensor is known."""
    data = recipe.data
    if not (data.crop or data.flip or data.drop):
        moves = data.ordered_channels or dataset.train.ordered_channels or dataset.sensor is not None
        return Augmentation(data.scale, data.shift, moves)
    if dataset.sensor is None:
        raise InputError(f"data.crop, flip and drop are for camera events, and data set {dataset.name} has no sensor")
    return CameraAugmentation(dataset.sensor, padding=data.crop, flip=data.flip, drop=data.drop)


def parameter_count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())
