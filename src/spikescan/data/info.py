"""What there is to know about data sets, for people and for scripts (`spikescan data info`)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from spikescan.data.catalog import Dataset, default_store
from spikescan.data.events import EventStore
from spikescan.data.images import ImageStore
from spikescan.data.sources import SOURCES


@dataclass(frozen=True)
class Spread:
    """Of one number for each sample."""

    minimum: float
    median: float
    mean: float
    maximum: float

    @classmethod
    def of(cls, values: np.ndarray) -> Self:
        """The spread of values (n,); all 0 where there are none."""
        if not len(values):
            return cls(0.0, 0.0, 0.0, 0.0)
        return cls(*(float(f(values)) for f in (np.min, np.median, np.mean, np.max)))


@dataclass(frozen=True)
class SplitInfo:
    """One split of a data set."""

    source: str
    samples: int
    events: int
    seconds: Spread  # duration of a sample
    events_per_sample: Spread
    samples_per_class: tuple[int, ...]
    speakers: tuple[int, ...] | None  # None: the source does not say
    unsorted: int  # samples whose events had to be sorted by time
    empty: int  # samples without events


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
    splits: dict[str, SplitInfo]

    @property
    def repairs(self) -> list[str]:
        """A sentence for each thing that was mended or looks odd, to be shown after a conversion."""
        return [
            f"{split.source}: {number} of {split.samples} samples {what}"
            for split in self.splits.values()
            for number, what in (
                (split.unsorted, "had their events sorted by time"),
                (split.empty, "have no events and are kept"),
            )
            if number
        ]


@dataclass(frozen=True)
class Known:
    """One data set that spikescan knows of, with what the store holds of it."""

    name: str
    what: str
    where: str  # which files it needs and from where; empty: built in
    folders: tuple[str, ...]  # its converted stores
    bytes: int  # of those folders


def describe(dataset: Dataset) -> SetInfo:
    """Sizes, durations and repairs of a data set; `dataclasses.asdict` makes it ready for JSON."""
    return SetInfo(
        name=dataset.name,
        folder=str(dataset.folder),
        bytes=_size(dataset.folder),
        channels=dataset.channels,
        classes=dataset.classes,
        class_names=dataset.class_names,
        sensor=dataset.sensor,
        splits={name: _split(store, dataset.classes) for name, store in dataset.splits.items()},
    )


def overview(store: Path | str | None = None) -> list[Known]:
    """Every data set by name, with the stores that have been converted from it."""
    base = Path(store).expanduser().resolve() if store else default_store()
    return [_known(base, name, source.what, source.where) for name, source in SOURCES.items()]


def _known(base: Path, name: str, what: str, where: str) -> Known:
    folders = sorted(path for path in base.glob(f"{name}-*") if path.is_dir())
    return Known(name, what, where, tuple(map(str, folders)), sum(map(_size, folders)))


def _split(store: EventStore | ImageStore, classes: int) -> SplitInfo:
    return SplitInfo(
        source=store.meta.source,
        samples=len(store),
        events=store.meta.events,
        seconds=Spread.of(store.durations / 1e6),
        events_per_sample=Spread.of(store.counts),
        samples_per_class=tuple(np.bincount(store.labels, minlength=classes).tolist()),
        speakers=None if store.speakers is None else tuple(np.unique(store.speakers).tolist()),
        unsorted=store.meta.unsorted,
        empty=store.meta.empty,
    )


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
