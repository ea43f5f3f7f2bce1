"""What an experiment is: a declaration of runs, and a function that turns their results into a page.

A file of this package with ``EXPERIMENT = Experiment(...)`` at its end is a table or figure of a paper.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spikescan.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from spikescan.papers.recordings import Recordings
    from spikescan.papers.statistics import Comparison

Say = Callable[[str], None]
Label = str | int | float


@dataclass(frozen=True)
class Options:
    """What an experiment is asked for."""

    seeds: int
    quick: bool
    device: str
    """``cpu`` or ``cuda``."""
    recordings: Recordings | None
    """None for an experiment that needs no data."""

    @property
    def comparable(self) -> bool:
        """Whether results may be held against the published numbers: the whole protocol, on the paper's own data."""
        return not self.quick and (self.recordings is None or self.recordings.published)

    @property
    def marks(self) -> list[str]:
        """What every picture and table says where it shows anything else than that."""
        known = self.recordings
        return ["quick"] * self.quick + ([known.mark] if known is not None and not known.published else [])


@dataclass(frozen=True)
class Workplace:
    """Where one run is done."""

    folder: Path
    """The run's own; what lies there when it starts is what an interrupted attempt left."""
    recordings: Recordings | None
    device: str
    say: Say


@dataclass(frozen=True)
class Run:
    """One piece of work, done once and kept.

    ``work(settings, workplace)`` returns JSON values; a function of a module, so that another process finds it.
    ``settings`` hold all that decides the result, and nothing that does not (no paths, no device).
    """

    key: str
    """Names the run's folder; the same run of another experiment has the same key and settings."""
    work: Callable[[dict[str, Any], Workplace], dict[str, Any]]
    settings: dict[str, Any]
    labels: Mapping[str, Label] = field(default_factory=dict)
    """What tables and pictures call it: neuron, condition, protocol, seed."""


@dataclass(frozen=True)
class Result:
    """A finished run."""

    labels: Mapping[str, Label]
    values: Mapping[str, Any]
    device: str


@dataclass(frozen=True)
class Table:
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


@dataclass(frozen=True)
class Picture:
    name: str
    """Of the file, without ending."""
    caption: str
    draw: Callable[[], Figure]


@dataclass(frozen=True)
class Report:
    """What an experiment shows; ``comparisons`` are its numbers for a program that reads ``--json``."""

    tables: Sequence[Table] = ()
    pictures: Sequence[Picture] = ()
    comparisons: Sequence[Comparison] = ()
    remarks: Sequence[str] = ()
    """Sentences that a reader needs beside the tables."""


@dataclass(frozen=True)
class Experiment:
    name: str
    title: str
    paper: str
    """A key of the papers in targets.toml."""
    runs: Callable[[Options], Sequence[Run]]
    report: Callable[[Sequence[Result], Options], Report]
    """Called with what is finished, which after a failure is not everything."""
    needs: str | tuple[str, ...] | None = None
    """The data set, by its name in the catalogue; or several."""
    others: tuple[str, ...] = ()
    """Further sets in whose layout the recordings of ``--data`` may be."""
    seeds: int = 10
    quick_seeds: int = 2
    alone: bool = False
    """Its runs measure time and are never done side by side."""


@cache
def experiments() -> dict[str, Experiment]:
    """Every experiment of this package by name, in the order of names."""
    package = importlib.import_module("spikescan.papers")
    modules = (
        importlib.import_module(f"{package.__name__}.{item.name}") for item in pkgutil.iter_modules(package.__path__)
    )
    found = [module.EXPERIMENT for module in modules if hasattr(module, "EXPERIMENT")]
    return {experiment.name: experiment for experiment in sorted(found, key=lambda one: one.name)}


def find(name: str) -> Experiment:
    """Raises InputError for a name that no file declares."""
    if name not in experiments():
        raise InputError(f"reproduce {name}: unknown, choose from {', '.join(experiments())}")
    return experiments()[name]
