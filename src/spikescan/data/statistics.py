"""What a data set holds, in numbers, and what looks odd about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from spikescan.data.bins import steps, suggested_dt
from spikescan.data.dataset import Dataset
from spikescan.data.dense import DenseStore
from spikescan.data.events import EventStore
from spikescan.data.images import ImageStore

MINUTE = 60  # seconds; hardly any recording that is classified as a whole is longer
RARE = 1  # events a second of the median recording, below which a time unit was probably mistaken
SHORT = 1e-3  # seconds; hardly any recording is shorter
UNBALANCED = 10  # times as many samples in the largest class as in the smallest
_PART = 2**22  # events that are looked at at a time


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
class Statistics:
    """Of the samples of one data set."""

    source: str
    samples: int
    events: int
    seconds: Spread  # duration of a sample
    events_per_sample: Spread
    samples_per_class: tuple[int, ...]
    speakers: tuple[int, ...] | None  # None: the source does not say
    unsorted: int  # samples of the source whose events had to be sorted by time
    empty: int  # samples without events
    channels: int
    channels_used: int
    suggested_dt: float | None  # seconds; None for still images, and where no sample has an event
    steps_per_sample: Spread | None  # in bins of that width
    warnings: tuple[str, ...]  # a sentence for each thing that looks odd

    @classmethod
    def of(cls, data: Dataset) -> Self:
        """The statistics of `data`, whose events are read once."""
        timed = not isinstance(data.store, ImageStore) and bool(np.any(data.durations))
        dt, speakers, used = suggested_dt(data) if timed else None, data.speakers, used_channels(data)
        return cls(
            source=data.store.meta.source,
            samples=len(data),
            events=int(data.counts.sum()),
            seconds=Spread.of(data.durations / 1e6),
            events_per_sample=Spread.of(data.counts),
            samples_per_class=tuple(np.bincount(data.labels, minlength=data.classes).tolist()),
            speakers=None if speakers is None else tuple(np.unique(speakers).tolist()),
            unsorted=data.store.meta.unsorted,
            empty=int(np.sum(data.counts == 0)) if isinstance(data.store, EventStore) else 0,
            channels=data.channels,
            channels_used=int(used.sum()),
            suggested_dt=dt,
            steps_per_sample=None if dt is None else Spread.of(steps(data, dt)),
            warnings=(*odd_times(data), *unused_channels(data, used), *odd_classes(data)),
        )

    def __str__(self) -> str:
        per_class = self.samples_per_class or (0,)
        lines = [
            f"{self.source}: {self.samples:,} samples, {self.events:,} events",
            f"  duration  {_range(self.seconds, ' s')}",
            f"  events    {_range(self.events_per_sample)} per sample, {self.empty} samples without",
            f"  channels  {self.channels_used} of {self.channels} used",
            f"  classes   {len(self.samples_per_class)}, of {min(per_class)} to {max(per_class)} samples",
        ]
        if self.steps_per_sample is not None:
            lines.append(f"  dt        {self.suggested_dt:g} s suggested: {_range(self.steps_per_sample)} steps")
        return "\n".join([*lines, *(f"  warning: {sentence}" for sentence in self.warnings)])


def _range(spread: Spread, unit: str = "") -> str:
    return f"{spread.minimum:,.6g} to {spread.maximum:,.6g}{unit} (median {spread.median:,.6g}{unit})"


def used_channels(data: Dataset) -> np.ndarray:
    """Whether any event of the store is on each channel, or any value other than 0, (channels,) bool. Pixels of images
    count as used."""
    if isinstance(data.store, ImageStore):
        return np.ones(data.channels, bool)
    if isinstance(data.store, DenseStore):
        return np.any(data.store.values != 0, axis=0)
    used = np.zeros(max(data.channels, data.store.meta.largest_channel + 1), bool)
    for first in range(0, len(data.store.channels), _PART):
        used[data.store.channels[first : first + _PART]] = True
    return used[: data.channels]


def odd_times(data: Dataset) -> list[str]:
    """Durations and rates that point to another unit of time than was taken."""
    seconds = data.durations[data.durations > 0] / 1e6
    if not len(seconds):
        return []
    median = float(np.median(seconds))
    rate = float(np.median(data.counts[data.durations > 0] / seconds)) if data.counts.any() else RARE
    if median > MINUTE or rate < RARE:
        unit, factor = ("milliseconds", 1e3) if median <= MINUTE * 1e3 else ("microseconds", 1e6)
        found = f"lasts {median:,.4g} s" if median > MINUTE else f"has {rate:.2g} events per second"
        return [
            f"the median recording {found}: if its times are in {unit}, it lasts {median / factor:.4g} s; "
            f"check their unit"
        ]
    if longest := int(np.sum(seconds > MINUTE)):
        return [f"{longest} of {len(data)} recordings last over a minute, the longest {seconds.max():,.4g} s"]
    if median < SHORT:
        return [f"the median recording lasts {median * 1e6:,.4g} µs only; check the unit of its times"]
    return []


def unused_channels(data: Dataset, used: np.ndarray) -> list[str]:
    """Channels that no event is on. A camera's pixels are not asked for: those at the border see little."""
    unused = np.flatnonzero(~used)
    if not len(unused) or data.sensor is not None:
        return []
    shown = ", ".join(map(str, unused[:10])) + (", …" if len(unused) > 10 else "")
    return [f"{len(unused)} of {data.channels} channels are never used: {shown}"]


def odd_classes(data: Dataset) -> list[str]:
    """Classes without samples, and strongly unbalanced ones."""
    counts = np.bincount(data.labels, minlength=data.classes)
    found, missing = [], np.flatnonzero(counts == 0)
    if len(missing):
        names = ", ".join(data.class_names[label] for label in missing[:10]) + (", …" if len(missing) > 10 else "")
        found.append(f"{len(missing)} of {data.classes} classes have no sample: {names}; check the labels")
    filled = np.flatnonzero(counts)
    if len(filled) and counts.max() >= UNBALANCED * counts[filled].min():
        least, most = filled[counts[filled].argmin()], counts.argmax()
        found.append(
            f"classes are strongly unbalanced: {counts[most]} samples of {data.class_names[most]}, "
            f"{counts[least]} of {data.class_names[least]}"
        )
    return found
