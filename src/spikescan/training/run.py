"""A run from recipe to results: train, choose the epoch, test once, leave a folder that says everything."""

from __future__ import annotations

import json
import logging
import signal
import statistics
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import RichProgressBar
from safetensors.torch import save as tensors_to_bytes

from spikescan.data.info import describe
from spikescan.data.shd import Progress
from spikescan.errors import InputError, TrainingError
from spikescan.training import checkpoints, pictures, recipe_files
from spikescan.training.build import Material, material, parameter_count
from spikescan.training.devices import find_device
from spikescan.training.evaluate import Measurement, evaluate
from spikescan.training.files import write_atomic
from spikescan.training.folder import RunFolder
from spikescan.training.provenance import provenance
from spikescan.training.recipe import Recipe
from spikescan.training.recorder import Recorder, as_csv, chosen
from spikescan.training.task import Task

Say = Callable[[str], None]

PRECISIONS: dict[str, Any] = {"32": "32-true", "16": "16-mixed", "bf16": "bf16-mixed"}
MAY_CHANGE = {"training.device", "data.root"}
"""What a resumed run may have otherwise; only on the same device is the result the same bit for bit."""


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
) -> Material:
    """Everything that can be found wrong before training is; the data are opened, and converted where needed.

    Args:
        out: folder of the run; nothing is written into it yet.
        store: folder of the converted data sets; None: the user's cache.
        resume: ``out`` holds a run that goes on; ``recipe`` must be its own.
        overwrite: ``out`` may hold a run, which will be replaced.
        progress: called with (what, samples done, samples in all) while converting.

    Raises:
        InputError: for a wrong recipe, data, device or folder.
    """
    folder = RunFolder(Path(out))
    folder.check(resume=resume, overwrite=overwrite)
    recipe = _settled(recipe)
    if resume:
        _check_same(folder.read_recipe(), recipe, folder)
    return material(recipe, store, progress)


def train(stuff: Material, out: Path | str, *, resume: bool = False, say: Say) -> dict[str, Any]:
    """Train what ``prepare`` returned; the summary that metrics.json holds.

    Without ``resume`` a run in ``out`` is replaced; with it, the newest whole checkpoint there is gone on from.

    Raises:
        TrainingError: when training cannot go on; what was reached is in ``out``.
    """
    folder = RunFolder(Path(out))
    for sentence in describe(stuff.dataset).repairs:
        say(sentence)
    _begin(folder, stuff.recipe, resume)
    start = None
    if resume:
        start = checkpoints.newest_whole(folder.checkpoints, say)
        say(f"resuming from {start}" if start else "resuming from the beginning: no epoch was finished")
    say(_headline(stuff))
    task = _fit(stuff, folder, start, say)
    return _finish(task, folder, say)


def _headline(stuff: Material) -> str:
    recipe = stuff.recipe
    samples = ", ".join(f"{len(indices)} {split}" for split, indices in stuff.splits.items())
    return f"{recipe.neuron.name} on {recipe.data.name} ({samples} samples), {recipe.training.device}"


def _settled(recipe: Recipe) -> Recipe:
    """The recipe with nothing left open: ``auto`` resolved, device found, data's place absolute."""
    recipe = recipe.resolved()
    device = find_device(recipe.training.device)
    root = None if recipe.data.root is None else str(Path(recipe.data.root).expanduser().resolve())
    return recipe.model_copy(
        update={
            "training": recipe.training.model_copy(update={"device": device}),
            "data": recipe.data.model_copy(update={"root": root}),
        }
    )


def _check_same(recorded: Recipe, asked: Recipe, folder: RunFolder) -> None:
    changed = {
        key: values for key, values in recipe_files.differences(recorded, asked).items() if key not in MAY_CHANGE
    }
    if changed:
        listing = "; ".join(f"{key} is {was}, asked is {now}" for key, (was, now) in changed.items())
        raise InputError(f"{folder.path}: a resumed run keeps its recipe ({listing})")


def _begin(folder: RunFolder, recipe: Recipe, resume: bool) -> None:
    try:
        if not resume:
            folder.clear()
        folder.create()
        write_atomic(folder.recipe, recipe_files.dumps(recipe))
    except OSError as error:
        raise InputError(f"{folder.path}: cannot be written ({error.strerror}); choose another --out") from None


def _fit(stuff: Material, folder: RunFolder, start: Path | None, say: Say) -> Task:
    """Train to the last epoch; a run that is there already is only loaded."""
    values = stuff.recipe.training
    task = Task(stuff)
    with quiet_lightning():
        trainer = pl.Trainer(
            max_epochs=values.epochs,
            accelerator=values.device if values.device == "cpu" else "gpu",
            devices=1,
            precision=PRECISIONS[values.precision],
            callbacks=[Recorder(folder, stuff.recipe, say), *_progress_bar()],
            plugins=[checkpoints.Checkpoints()],
            logger=False,
            enable_progress_bar=sys.stderr.isatty(),
            enable_model_summary=False,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
            default_root_dir=str(folder.path),
        )
        try:
            trainer.fit(task, ckpt_path=None if start is None else str(start))
        except SystemExit:  # what Lightning makes of Ctrl-C
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGINT, signal.default_int_handler)
            raise KeyboardInterrupt from None
        except TrainingError as error:
            raise TrainingError(f"{error}. {_kept(folder)}") from error.__cause__
    return task


def _kept(folder: RunFolder) -> str:
    found = checkpoints.epochs(folder.checkpoints)
    if not found:
        return "No epoch was finished"
    return f"The checkpoint of epoch {found[0]} is kept in {folder.checkpoints}"


def _progress_bar() -> list[RichProgressBar]:
    return [RichProgressBar(leave=False, console_kwargs={"stderr": True})] if sys.stderr.isatty() else []


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Lightning's advice (more workers, a GPU that is not used) kept off the screen."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning.*")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


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
    summary = _summary(task, row, measured)
    pictures.of_run(folder.pictures, stuff, network.cpu(), task.rows, measured, row["epoch"])
    write_atomic(folder.summary, json.dumps(summary, indent=1) + "\n")
    say(f"results are in {folder.path}")
    return summary


def _summary(task: Task, row: dict[str, Any], measured: Measurement) -> dict[str, Any]:
    recipe, rows = task.recipe, task.rows
    every = [other["test_accuracy"] for other in rows if other["test_accuracy"] is not None]
    figures = {
        "test_accuracy": measured.accuracy,
        "best_test_accuracy": max(every) if every else None,
        "validation_accuracy": row["validation_accuracy"],
        "epoch": row["epoch"],
    }
    return {
        "protocol": recipe.protocol.name,
        **figures,
        "protocols": {recipe.protocol.name: figures},
        "data": recipe.data.name,
        "neuron": recipe.neuron.name,
        "seed": recipe.seed,
        "epochs": len(rows),
        "train_accuracy": row["train_accuracy"],
        "train_loss": row["train_loss"],
        "seconds_per_epoch": statistics.median(other["seconds"] for other in rows),
        "elapsed_seconds": rows[-1]["elapsed_seconds"],
        "spikes_per_ms": measured.spikes_per_ms,
        "spike_rate": measured.spike_rate,
        "synaptic_operations": measured.synaptic_operations,
        "confusion": measured.confusion,
        "test_loss": measured.loss,
        "samples": {split: len(indices) for split, indices in task.material.splits.items()},
        "parameters": parameter_count(task.network),
        "skipped_steps": task.skipped,
        **provenance(recipe.training.device),
    }
