"""Measuring a trained network: the same numbers for the end of a run and for ``spikescan evaluate``."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from torch import Tensor
from torch.nn import functional as F

from spikescan.data.event_tensor import Batch
from spikescan.data.shd import Progress
from spikescan.errors import InputError
from spikescan.losses import readout
from spikescan.training import facts, memory
from spikescan.training.build import Material, material
from spikescan.training.devices import find_device
from spikescan.training.estimation import equal_weights
from spikescan.training.folder import RunFolder
from spikescan.training.loaders import EVALUATE, EvaluationBatches, stream
from spikescan.training.networks import Network
from spikescan.training.neurons import spiking
from spikescan.training.operations import Operations, counted
from spikescan.training.recipe import Recipe
from spikescan.training.tally import Tally
from spikescan.types import NetworkOutput

MATRIX, SHOWN = 100, 20
"""Classes up to which a confusion matrix is kept; most frequent mistakes that are."""


@dataclass(frozen=True)
class Measurement:
    """What one pass over a split gives; the spike counts are None for neurons that do not spike."""

    split: str
    samples: int
    loss: float
    accuracy: float
    confusion: list[list[int]] | None
    """Samples by label (rows) and prediction; None for over ``MATRIX`` classes."""
    mistakes: list[tuple[int, int, int]]
    """The most frequent ones: label, prediction, samples."""
    by_class: list[tuple[int, int, int]]
    """Label, samples, samples that were right, of each class that has a sample."""
    spikes_per_ms: float | None
    """Of all hidden layers, mean over the samples."""
    spikes_per_ms_by_layer: list[float] | None
    spike_rate: list[float] | None
    """Spikes a neuron and step, by layer."""
    synaptic_operations: dict[str, float] | None
    """Additions a sample: each input event and each spike times the neurons it reaches."""
    estimation_distance: list[float] | None
    """Root mean square of û - u of MPE-PSN, by layer, where the recipe fixes the steps."""


@torch.no_grad()
def forward(network: Network, batch: Batch, recipe: Recipe, number: int = 0, potentials: bool = False) -> NetworkOutput:
    """The network's output for evaluation batch ``number``, which fixes all draws with the recipe's seed."""
    lengths = batch.lengths if recipe.data.masked else None
    seed = stream(recipe.seed, EVALUATE, number)
    return network.run(batch.events, seed=seed, lengths=lengths, potentials=potentials)


@torch.no_grad()
def evaluate(network: Network, material: Material, split: str, device: str = "cpu") -> Measurement:
    """Pass every sample of ``split`` through ``network`` once, in batches of the recipe's size."""
    recipe = material.recipe
    network = network.to(device).eval()
    tally = Tally(len(network.neurons), device)
    answers: list[Tensor] = []
    batches = EvaluationBatches(material.maker(split), material.splits[split], batch_size=recipe.training.batch_size)
    with equal_weights(network.neurons), counted(network) as operations:
        for number, cpu_batch in enumerate(batches):
            batch = cpu_batch.to(device)
            output = forward(network, batch, recipe, number)
            lengths = batch.lengths if recipe.data.masked else None
            scores = readout(output.readout, recipe.loss.readout, lengths)
            tally.add_scores(scores, batch.labels, F.cross_entropy(scores, batch.labels))
            answers.append(torch.stack([batch.labels, scores.argmax(1)]).cpu())
            tally.add_layers(output.layers, lengths, material.milliseconds(split, batch))
    return _measurement(tally, torch.cat(answers, 1), operations, material, split)


def _measurement(tally: Tally, answers: Tensor, operations: Operations, material: Material, split: str) -> Measurement:
    spikes = spiking(material.recipe)  # what else passes between the layers is not counted
    samples = int(tally.samples)
    labels, given = answers
    size = max(material.dataset.classes, int(given.max()) + 1)  # an answer may lie beyond the classes
    return Measurement(
        split=split,
        samples=samples,
        loss=tally.mean_loss,
        accuracy=tally.accuracy,
        confusion=_confusion(labels, given, size),
        mistakes=_mistakes(labels, given),
        by_class=_by_class(labels, given),
        spikes_per_ms=tally.mean_spikes_per_ms if spikes else None,
        spikes_per_ms_by_layer=(tally.spikes_per_ms / samples).tolist() if spikes else None,
        spike_rate=tally.spike_rate if spikes else None,
        synaptic_operations=operations.each(samples) if spikes else None,
        estimation_distance=tally.estimation_distance if bool(tally.distance.any()) else None,
    )


def _confusion(labels: Tensor, given: Tensor, size: int) -> list[list[int]] | None:
    """Samples (size, size) by label and answer, counted here: to import torchmetrics takes longer than torch."""
    if size > MATRIX:
        return None
    return torch.bincount(labels * size + given, minlength=size * size).view(size, size).tolist()


def _mistakes(labels: Tensor, given: Tensor) -> list[tuple[int, int, int]]:
    pairs = zip(labels.tolist(), given.tolist(), strict=True)
    counts = Counter((label, answer) for label, answer in pairs if label != answer)
    return [(label, answer, count) for (label, answer), count in counts.most_common(SHOWN)]


def _by_class(labels: Tensor, given: Tensor) -> list[tuple[int, int, int]]:
    samples, right = Counter(labels.tolist()), Counter(labels[labels == given].tolist())
    return [(label, samples[label], right[label]) for label in sorted(samples)]


def evaluate_run(
    folder: Path,
    split: str,
    *,
    protocol: str | None = None,
    root: Path | str | None = None,
    store: Path | str | None = None,
    device: str | None = None,
    progress: Progress | None = None,
) -> tuple[Measurement, Material]:
    """Measure the network of a finished run; its own recipe says how, but for what is given here.

    Raises:
        InputError: for a folder without a finished run, damaged weights, missing data, or a missing split.
    """
    run = RunFolder(folder)
    recipe = run.read_recipe().resolved()
    if root is not None:
        place = {"root": str(Path(root).expanduser().resolve())}
        recipe = recipe.model_copy(update={"data": recipe.data.model_copy(update=place)})
    recipe = recipe if protocol is None else under(recipe, protocol)
    stuff = material(recipe, store, progress)
    if split not in stuff.splits:
        raise InputError(f"{folder}: trained on the whole training file, it has no {split} samples")
    with memory.explained(stuff):
        network = stuff.network()
        load_weights(network, run.model)
        return evaluate(network, stuff, split, find_device(device or "auto")), stuff


def other_data(folder: Path, material: Material, split: str) -> str | None:
    """A warning where the samples are not those of the run's own split."""
    file = RunFolder(folder).facts
    recorded = facts.read(file).digests.get(split) if file.is_file() else None
    if recorded in (None, facts.digest(material.splits[split])):
        return None
    return f"warning: the {split} samples are others than those of {folder}"


def under(recipe: Recipe, protocol: str) -> Recipe:
    """``recipe`` with its samples padded as ``protocol`` does: masked, or in front and averaged over."""
    padding: dict[str, Any] = {
        "held-out": {"pad": "right", "mask": True},
        "published": {"pad": "left", "mask": False},
    }[protocol]
    return recipe.model_copy(update={"data": recipe.data.model_copy(update=padding)})


def load_weights(network: Network, path: Path) -> None:
    """Fill ``network`` from a safetensors file, which cannot hold code.

    Raises:
        InputError: for a file that is missing, damaged, or of another network.
    """
    tensors = read_weights(path)
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        raise InputError(f"{path}: weights of another network than recipe.toml describes ({error})") from None


def read_weights(path: Path) -> dict[str, Tensor]:
    """What a safetensors file holds; InputError for one that is missing, damaged or not finite."""
    try:
        tensors = load_tensors(path.read_bytes())
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; the run has not finished, --resume continues it") from None
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path}: damaged, or no safetensors file ({error})") from None
    if not all(bool(tensor.isfinite().all()) for tensor in tensors.values() if tensor.is_floating_point()):
        raise InputError(f"{path}: holds weights that are not finite")
    return tensors
