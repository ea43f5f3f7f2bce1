"""A run from recipe to results: train, choose the epoch, test once, leave a folder that says everything."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from safetensors.torch import save as tensors_to_bytes

from spikescan.data.catalog import Splits
from spikescan.data.dataset import Dataset
from spikescan.data.info import repairs, steps_in_words
from spikescan.data.order import alike
from spikescan.data.shd import Progress
from spikescan.errors import InputError
from spikescan.training import checkpoints, facts, memory, pictures, recipe_files
from spikescan.training.build import Material, divided, material
from spikescan.training.devices import find_device
from spikescan.training.evaluate import MATRIX, evaluate
from spikescan.training.facts import Facts
from spikescan.training.files import write_atomic
from spikescan.training.fitting import fit
from spikescan.training.folder import RunFolder
from spikescan.training.recipe import Recipe
from spikescan.training.recorder import as_csv, chosen
from spikescan.training.summary import summarise
from spikescan.training.task import Task

Say = Callable[[str], None]

FEW = 100
"""Channels below which pooling them is rarely meant."""

MAY_CHANGE = {
    "data.root",
    *(f"training.{key}" for key in ("device", "epochs", "early_stopping", "workers", "logger", "pictures")),
}
"""What a resumed run may have otherwise; only on the same device is the result the same bit for bit. With more epochs
the schedule of the learning rate is that of a run of so many, from the present epoch on."""


def recorded(out: Path | str, changes: dict[str, Any]) -> Recipe:
    """The recipe of the run in ``out``, with ``changes`` made to it (dotted key to value)."""
    folder = RunFolder(Path(out))
    folder.check(resume=True, overwrite=False)
    return recipe_files.check(recipe_files.merge(folder.read_recipe().model_dump(), changes), str(folder.recipe))


def prepare(
    recipe: Recipe,
    out: Path | str,
    *,
    store: Path | str | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
    data: Splits | None = None,
) -> Material:
    """Everything that can be found wrong before training is; the data are opened, and converted where needed.

    Args:
        out: folder of the run; nothing is written into it yet.
        store: folder of the converted data sets; None: the user's cache.
        resume: ``out`` holds a run that goes on; ``recipe`` must be its own.
        overwrite: ``out`` may hold a run, which will be replaced.
        progress: called with (what, samples done, samples in all) while converting.
        data: the samples, where they are not to be opened by the recipe's ``data.name``.

    Raises:
        InputError: for a wrong recipe, data, device or folder.
    """
    folder = RunFolder(Path(out))
    folder.check(resume=resume, overwrite=overwrite)
    recipe = _settled(recipe)
    if resume:
        _check_same(folder.read_recipe().resolved(), recipe, folder)
    if (source := recipe.training.init_from) is not None and not RunFolder(Path(source)).model.is_file():
        raise InputError(f"training.init_from: {source}: not the folder of a finished run (no model.safetensors)")
    stuff = material(recipe, store, progress) if data is None else divided(recipe, data)
    stuff = replace(stuff, recipe=_chosen(recipe, stuff.splits["train"]))
    memory.check(stuff)
    return stuff


def train(
    stuff: Material, out: Path | str, *, resume: bool = False, overwrite: bool = True, say: Say
) -> dict[str, Any]:
    """Train what ``prepare`` returned; the summary that metrics.json holds.

    Without ``resume`` a run in ``out`` is replaced; with it, the newest whole checkpoint there is gone on from.
    ``overwrite=False`` looks again that there is none: another may have come and gone since ``prepare``.

    Raises:
        InputError: where another run is using ``out``.
        TrainingError: when training cannot go on; what was reached is in ``out``.
    """
    folder = RunFolder(Path(out))
    with folder.held(), memory.explained(stuff):
        folder.check(resume=resume, overwrite=overwrite)
        return _train(stuff, folder, resume, say)


def _train(stuff: Material, folder: RunFolder, resume: bool, say: Say) -> dict[str, Any]:
    for sentence in [*repairs(stuff.dataset), *warnings(stuff)]:
        say(sentence)
    start = checkpoints.newest_whole(folder.checkpoints, say) if resume else None
    done, wanted = 0 if start is None else len(checkpoints.read(start)["rows"]), stuff.recipe.training.epochs
    if done > wanted:
        raise InputError(f"training.epochs: {wanted}, but {folder.path} has trained {done} epochs already")
    known = stuff.facts.model_copy(update={"digests": facts.digests(stuff.splits)})
    if resume and folder.facts.is_file():
        _check_data(facts.read(folder.facts), known, folder)
    _begin(folder, stuff.recipe, known, resume)
    if resume:
        say(f"resuming from {start}" if start else "resuming from the beginning: no epoch was finished")
    say(_headline(stuff))
    task = fit(stuff, folder, start, say)
    return _finish(task, folder, say)


def _headline(stuff: Material) -> str:
    recipe, dataset = stuff.recipe, stuff.dataset
    samples = ", ".join(f"{len(part)} {split}" for split, part in stuff.splits.items())
    steps = f"{recipe.data.frames} frames" if recipe.data.frames else steps_in_words(stuff.splits, recipe.data.step)
    step = "" if recipe.data.frames else f" of {recipe.data.step * 1e3:g} ms"
    changed = ", augmented" if recipe.data.augment else ""
    return (
        f"{recipe.neuron.name} on {dataset.name}: {samples} samples, {steps}{step}{changed}, {recipe.training.device}"
    )


def warnings(stuff: Material) -> list[str]:
    """A sentence for each thing about the training samples, or the recipe for them, that is more often a mistake than
    meant."""
    found = list(stuff.splits["train"].statistics().warnings)
    pool, channels = stuff.recipe.data.pool, stuff.dataset.channels
    if pool > 1 and channels < FEW:
        left = stuff.inputs
        found.append(f"data.pool = {pool} leaves {left} of {channels} channels; --set data.pool=1 keeps them apart")
    return [f"warning: {sentence}" for sentence in found]


def _settled(recipe: Recipe) -> Recipe:
    """The recipe with nothing left open: ``auto`` resolved, device found, data's place absolute."""
    recipe = recipe.resolved()
    device = find_device(recipe.training.device)
    if recipe.training.precision == "16" and device == "cpu":
        raise InputError(
            "training.precision: 16 scales losses for a CUDA device, and this run is on the CPU; "
            "take --set training.precision=bf16, or 32"
        )
    places = {"device": device, "init_from": _absolute(recipe.training.init_from)}
    return recipe.model_copy(
        update={
            "training": recipe.training.model_copy(update=places),
            "data": recipe.data.model_copy(update={"root": _absolute(recipe.data.root)}),
        }
    )


def _chosen(recipe: Recipe, train: Dataset) -> Recipe:
    """``recipe`` with what it leaves to the data."""
    dt = train.suggested_dt() if recipe.data.dt is None else recipe.data.dt
    ordered = recipe.data.augment is None and (recipe.data.ordered_channels or train.ordered_channels or alike(train))
    return recipe.settled(dt, ordered)


def _absolute(path: str | None) -> str | None:
    return path and str(Path(path).expanduser().resolve())


def _check_same(recorded: Recipe, asked: Recipe, folder: RunFolder) -> None:
    changed = {
        key: values for key, values in recipe_files.differences(recorded, asked).items() if key not in MAY_CHANGE
    }
    if changed:
        listing = "; ".join(f"{key} is {was}, asked is {now}" for key, (was, now) in changed.items())
        raise InputError(f"{folder.path}: a resumed run keeps its recipe ({listing})")


def _check_data(recorded: Facts, found: Facts, folder: RunFolder) -> None:
    for split, digest in recorded.digests.items():
        if found.digests.get(split) != digest:
            raise InputError(
                f"{folder.path}: the {split} samples are others than the run was trained on; give it its own data by "
                "--root, or train anew with another --out"
            )


def _begin(folder: RunFolder, recipe: Recipe, known: Facts, resume: bool) -> None:
    try:
        if not resume:
            folder.clear()
        folder.create()
        write_atomic(folder.recipe, recipe_files.dumps(recipe))  # first: with it alone the folder is a run
        write_atomic(folder.facts, known.model_dump_json(indent=1) + "\n")
    except OSError as error:
        raise InputError(f"{folder.path}: cannot be written ({error.strerror}); choose another --out") from None


def _finish(task: Task, folder: RunFolder, say: Say) -> dict[str, Any]:
    """Weights of the epoch that counts, the one look at the test set, the summary and the pictures."""
    stuff, recipe = task.material, task.recipe
    write_atomic(folder.metrics, as_csv(task.rows))  # a run may be killed between a checkpoint and its row
    row = chosen(task.rows, recipe)
    network = stuff.network()
    content = checkpoints.read(checkpoints.path_of(folder.checkpoints, row["epoch"]))
    weights = {name.removeprefix("network."): tensor for name, tensor in content["state_dict"].items()}
    network.load_state_dict(weights)
    write_atomic(folder.model, tensors_to_bytes(dict(sorted(weights.items())), metadata={"format": "pt"}))
    measured = evaluate(network, stuff, "test", recipe.training.device)
    summary = summarise(task, row, measured)
    if measured.confusion is None:
        say(f"over {MATRIX} classes: no confusion matrix is kept; metrics.json has the most frequent mistakes")
    write_atomic(folder.summary, json.dumps(summary, indent=1) + "\n")
    suffix = recipe.training.pictures
    pictures.of_run(folder.pictures, stuff, network.cpu(), task.rows, measured, row["epoch"], suffix=suffix, say=say)
    say(f"results are in {folder.path}")
    return summary
