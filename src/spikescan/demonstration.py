"""The comparison that `make demo` shows: the same network, recipe and digits, with two kinds of neurons."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

from spikescan.training import pictures, recipe_files, run
from spikescan.training.folder import RunFolder

NEURONS = ("spsn-gs", "lif")


def compare(
    out: Path,
    *,
    epochs: int | None = None,
    seed: int = 0,
    store: Path | None = None,
    overwrite: bool = False,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Train each of ``NEURONS`` on digits; both runs' summaries and the paths of all pictures."""
    changes: dict[str, Any] = {"seed": seed} | ({} if epochs is None else {"training.epochs": epochs})
    recipes = {name: recipe_files.load("digits", changes | {"neuron.name": name}) for name in NEURONS}
    for name in NEURONS:
        RunFolder(out / name).check(resume=False, overwrite=overwrite)
    runs = {}
    for name, recipe in recipes.items():
        stuff = run.prepare(recipe, out / name, store=store, overwrite=overwrite)
        runs[name] = run.train(stuff, out / name, overwrite=overwrite, say=say)
    picture = pictures.of_comparison(out, runs, {name: _rows(out / name) for name in NEURONS})
    drawn = [path for name in NEURONS for path in sorted(RunFolder(out / name).pictures.glob("*.png"))]
    return {"runs": runs, "pictures": [str(picture), *map(str, drawn)]}


def _rows(folder: Path) -> list[dict[str, Any]]:
    with RunFolder(folder).metrics.open(newline="") as file:
        return [{key: float(value) if value else None for key, value in row.items()} for row in csv.DictReader(file)]
