"""A whole training in one line of Python: ``spikescan.train``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spikescan import report
from spikescan.data.catalog import Splits, hold_out
from spikescan.data.dataset import Dataset
from spikescan.training import recipe_files, run
from spikescan.training.recipe import Recipe

if TYPE_CHECKING:
    from spikescan.inference import Model


def train(
    data: Dataset,
    recipe: str | Path | Recipe = "events",
    *,
    test: Dataset | None = None,
    validation: Dataset | None = None,
    settings: Mapping[str, Any] | None = None,
    out: Path | str | None = None,
    resume: bool = False,
    overwrite: bool = False,
) -> Model:
    """Train a network on `data` and return it, ready to answer; the same run as ``spikescan train`` makes.

    Args:
        data: the training samples, from `spikescan.data`.
        recipe: a packaged recipe's name, a TOML file, or a `Recipe`. "events" assumes nothing about the data.
        test: test samples; None holds out a fifth of each class.
        validation: samples that choose the epoch; None holds out the recipe's share (a tenth).
        settings: changes to the recipe, dotted key to value, for instance ``{"training.epochs": 20}``.
        out: folder of the run; default: runs/NAME-NEURON-SEED.
        resume: go on with the run in `out`.
        overwrite: replace the run in `out`.

    Raises:
        InputError: for data, settings or a folder that will not do; TrainingError: where training cannot go on.
    """
    splits = _splits(data, test, validation)
    if isinstance(recipe, Recipe):
        chosen = recipe_files.check(recipe_files.merge(recipe.model_dump(), settings or {}), "given")
    else:
        chosen = recipe_files.load(str(recipe), settings)
    folder = Path(out or Path("runs") / f"{splits.name}-{chosen.neuron.name}-{chosen.seed}")
    if resume:
        chosen = run.recorded(folder, dict(settings or {}))
    stuff = run.prepare(chosen, folder, resume=resume, overwrite=overwrite, data=splits)
    run.train(stuff, folder, resume=resume, overwrite=overwrite, say=report.say)
    from spikescan.inference import load

    return load(folder, device=chosen.training.device if chosen.training.device != "auto" else None)


def _splits(data: Dataset, test: Dataset | None, validation: Dataset | None) -> Splits:
    notes: tuple[str, ...] = ()
    if test is None:
        data, test, notes = hold_out(data)
    return Splits(data.name, Path(), data, test, validation, notes)
