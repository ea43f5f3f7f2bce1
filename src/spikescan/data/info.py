"""What there is to know about data sets, for people and for scripts (`spikescan data info`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spikescan.data.bins import steps
from spikescan.data.catalog import Splits, default_store
from spikescan.data.dataset import Dataset
from spikescan.data.sources import SOURCES
from spikescan.data.statistics import Spread, Statistics


@dataclass(frozen=True)
class SetInfo:
    """One data set, converted."""

    name: str
    folder: str  # its event store
    bytes: int  # of that folder
    channels: int
    classes: int
    class_names: tuple[str, ...]
    sensor: tuple[int, int, int] | None  # (polarities, height, width)
    ordered_channels: bool
    splits: dict[str, Statistics]
    repairs: tuple[str, ...]
    """A sentence for each thing that was mended or decided, to be shown after a conversion."""
    warnings: tuple[str, ...]
    """A sentence for each thing that looks odd in the training samples."""


@dataclass(frozen=True)
class Known:
    """One data set that spikescan knows of, with what the store holds of it."""

    name: str
    what: str
    where: str  # which files it needs and from where; empty: built in
    folders: tuple[str, ...]  # its converted stores
    bytes: int  # of those folders


def describe(dataset: Splits) -> SetInfo:
    """Sizes, durations and repairs of a data set; `dataclasses.asdict` makes it ready for JSON."""
    splits = {name: Statistics.of(part) for name, part in dataset.parts.items()}
    return SetInfo(
        name=dataset.name,
        folder=str(dataset.folder),
        bytes=_size(dataset.folder),
        channels=dataset.channels,
        classes=dataset.classes,
        class_names=dataset.class_names,
        sensor=dataset.sensor,
        ordered_channels=dataset.train.ordered_channels,
        splits=splits,
        repairs=repairs(dataset),
        warnings=splits["train"].warnings,
    )


def repairs(dataset: Splits) -> tuple[str, ...]:
    """A sentence for each thing that was mended or decided; the events are not read for it."""
    stores = {part.store.meta.source: part.store for part in dataset.parts.values()}
    mended = (
        f"{source}: {number} of {len(store)} samples {what}"
        for source, store in stores.items()
        for number, what in (
            (store.meta.unsorted, "had their events sorted by time"),
            (store.meta.empty, "have no events and are kept"),
        )
        if number
    )
    left_out = (note for store in stores.values() for note in store.meta.notes)
    return (*mended, *left_out, *dataset.notes)


def steps_in_words(parts: Mapping[str, Dataset], dt: float) -> str:
    """Time steps of the samples in bins of `dt` seconds, for a headline: "42 to 1,120 steps per sample (median 87)"."""
    spread = Spread.of(np.concatenate([steps(part, dt) for part in parts.values()]))
    if spread.minimum == spread.maximum:
        return f"{spread.maximum:,.0f} steps per sample"
    return f"{spread.minimum:,.0f} to {spread.maximum:,.0f} steps per sample (median {spread.median:,.0f})"


def overview(store: Path | str | None = None) -> list[Known]:
    """Every data set by name, with the stores that have been converted from it."""
    base = Path(store).expanduser().resolve() if store else default_store()
    return [_known(base, name, source.what, source.where) for name, source in SOURCES.items()]


def _known(base: Path, name: str, what: str, where: str) -> Known:
    folders = sorted(path for path in base.glob(f"{name}-*") if path.is_dir())
    return Known(name, what, where, tuple(map(str, folders)), sum(map(_size, folders)))


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
