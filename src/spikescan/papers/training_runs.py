"""Runs that train: a recipe with changes, under one of the two protocols."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from typing import Any

from spikescan.papers.experiment import Label, Options, Run, Workplace
from spikescan.papers.recordings import Recordings
from spikescan.training import recipe_files, run
from spikescan.training.build import Material, material
from spikescan.training.evaluate import load_weights
from spikescan.training.folder import RunFolder
from spikescan.training.networks import Network
from spikescan.training.recipe import Recipe

Changes = Mapping[str, Any]

PROTOCOLS: dict[str, Changes] = {
    "published": {"protocol.name": "published"},
    "held-out": {"protocol.name": "held-out", "protocol.test": "once", "data.pad": "right", "data.mask": True},
}
"""What each changes in a published recipe: as the paper did it, or with a validation split and padding masked."""
ELSEWHERE = {"data.root", "training.device"}
"""Recipe keys that say where a run is done and not what it is."""
QUICK: Changes = {"training.epochs": 2, "data.limit": 8}


def training_run(
    recipe: str,
    changes: Changes,
    labels: Mapping[str, Label],
    options: Options,
    *,
    work: Any = None,
    quick: Changes = QUICK,
    data: str | None = None,
    **settings: Any,
) -> Run:
    """A run of the packaged ``recipe`` with ``changes``; ``labels``, among them protocol and seed, make its key.

    Args:
        work: what is done instead of ``train``, with ``settings`` beside the recipe.
        quick: the further changes of ``--quick``.
        data: the set, for an experiment on several.
    """
    assert options.recordings is not None
    found = options.recordings.of(data or options.recordings.name)
    every = {"data.name": found.name, "seed": labels["seed"]}
    every |= dict(PROTOCOLS[str(labels["protocol"])]) | dict(changes) | (dict(quick) if options.quick else {})
    tree = recipe_files.load(recipe, every).model_dump()
    if tree["network"]["outputs"] is not None:  # the published 20, or more for recordings of more classes
        tree["network"]["outputs"] = max(tree["network"]["outputs"], found.contents.get("classes", 0))
    for key in ELSEWHERE:
        section, _, name = key.partition(".")
        del tree[section][name]
    what = {"recipe": tree, "recordings": found.contents, **settings}
    key = key_of(labels if work is None else {**labels, "work": work.__name__})
    return Run(key, work or train, what, labels)


def key_of(labels: Mapping[str, Label]) -> str:
    """A name for the run's folder: the labels' values, in plain letters."""
    words = (f"seed {value}" if name == "seed" else str(value) for name, value in labels.items())
    return "_".join(re.sub(r"[^a-z0-9.]+", "-", word.lower().replace("θ", "theta")) for word in words)


def train(settings: dict[str, Any], place: Workplace) -> dict[str, Any]:
    """Train, or go on with what an interrupted attempt left; the summary, without where it comes from."""
    recipe, folder = recipe_here(settings, place), RunFolder(place.folder / "training")
    resume = folder.recipe.is_file()
    store = recordings_of(settings, place).store
    stuff = run.prepare(recipe, folder.path, store=store, resume=resume)
    summary = run.train(stuff, folder.path, resume=resume, say=place.say)
    return {key: value for key, value in summary.items() if key not in ("device", "versions", "commit", "protocols")}


def recipe_here(settings: dict[str, Any], place: Workplace) -> Recipe:
    """The run's recipe with this machine's data folder and device."""
    where = {"data.root": recordings_of(settings, place).root, "training.device": place.device}
    return recipe_files.check(recipe_files.merge(settings["recipe"], where), "of the run")


def recordings_of(settings: dict[str, Any], place: Workplace) -> Recordings:
    """The set that the run's recipe names."""
    assert place.recordings is not None
    return place.recordings.of(settings["recipe"]["data"]["name"])


def trained(settings: dict[str, Any], place: Workplace) -> tuple[Material, Network]:
    """The run's data and the network that ``train`` has left."""
    stuff = material(recipe_here(settings, place).resolved(), recordings_of(settings, place).store)
    network = stuff.network()
    load_weights(network, RunFolder(place.folder / "training").model)
    return stuff, network.to(place.device).eval()


def history(place: Workplace) -> list[dict[str, float | None]]:
    """What metrics.csv says of every epoch."""
    with RunFolder(place.folder / "training").metrics.open(newline="") as file:
        return [{key: float(value) if value else None for key, value in row.items()} for row in csv.DictReader(file)]
