"""Event-camera recordings: what a set declares, and the way into the event store that all sets share.

A camera is a declaration: its sensor, how its folder is laid out, and how one file is read (`cameras/`, one
file a set). The input channel of an event is ``polarity * height * width + y * width + x``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from spikescan.data.events import EventStore
from spikescan.data.write import Block, Progress, joined, write_store
from spikescan.errors import InputError

BLOCK = 2**22  # events that are gathered before they are written


class Recording(NamedTuple):
    """One sample: the file that it is in, and its class. Samples of one file follow each other."""

    file: Path
    label: int
    window: tuple[int, int] | None = None  # µs by the file's clock, first and one past the last; None: all of it
    subject: int | None = None  # who was recorded, where the set says so


class Events(NamedTuple):
    """Equally long columns of integers: µs, pixel, pixel, 0 (darker) or 1 (brighter)."""

    t: np.ndarray
    x: np.ndarray
    y: np.ndarray
    p: np.ndarray


def _no_files(root: Path) -> list[Path]:
    return []


@dataclass(frozen=True)
class Camera:
    """What there is to know about a set of camera recordings."""

    sensor: tuple[int, int, int]  # polarities, height, width
    class_names: tuple[str, ...] | None  # None: the names of the recordings' folders
    recordings: Callable[[Path], dict[str, list[Recording]]]  # root -> the recordings of "train" and "test"
    read: Callable[[Path], Events]
    lists: Callable[[Path], list[Path]] = _no_files  # files that say which recordings there are, and what is in them

    @property
    def channels(self) -> int:
        """Input channels: polarities x height x width."""
        polarities, height, width = self.sensor
        return polarities * height * width


def convert(
    camera: Camera, recordings: list[Recording], folder: Path, what: str, progress: Progress | None = None
) -> EventStore:
    """Read the recordings into a new store. Raises InputError, naming the file, for anything unsound."""
    subjects = [recording.subject for recording in recordings]
    return write_store(
        folder,
        _blocks(camera, recordings, what, progress),
        labels=np.array([recording.label for recording in recordings], np.int64),
        speakers=None if None in subjects else np.array(subjects, np.int64),
        source=what,
        sensor=camera.sensor,
        class_names=camera.class_names or _folder_names(recordings),
    )


def since_first(events: Events) -> Events:
    """The same on a clock that starts at the earliest event."""
    return events._replace(t=events.t - events.t.min()) if len(events.t) else events


def _folder_names(recordings: list[Recording]) -> tuple[str, ...] | None:
    names = {recording.label: recording.file.parent.name for recording in recordings}
    return tuple(names[label] for label in range(len(names))) if sorted(names) == list(range(len(names))) else None


def _blocks(camera: Camera, recordings: list[Recording], what: str, progress: Progress | None) -> Iterator[Block]:
    """Consecutive samples, joined until there are BLOCK events or more."""
    waiting, events = [], 0
    for done, sample in enumerate(samples(camera, recordings), start=1):
        waiting.append(sample)
        events += len(sample.times)
        if events >= BLOCK or done == len(recordings):
            yield joined(waiting)
            waiting, events = [], 0
            if progress:
                progress(what, done, len(recordings))


def samples(camera: Camera, recordings: list[Recording]) -> Iterator[Block]:
    """One block a recording; a file with many samples is read once."""
    _, height, width = camera.sensor
    for file, parts in groupby(recordings, key=attrgetter("file")):
        events = _read(camera, file)
        for part in parts:
            t, x, y, p = events if part.window is None else since_first(_cut(events, *part.window))
            _check(file, "t", t, 2**32, " µs (71 minutes)")
            yield Block(t.astype(np.uint32), ((p * height + y) * width + x).astype(np.uint32), np.array([len(t)]))


def _cut(events: Events, start: int, stop: int) -> Events:
    inside = (events.t >= start) & (events.t < stop)
    return Events(*(column[inside] for column in events))


def _read(camera: Camera, file: Path) -> Events:
    try:
        events = camera.read(file)
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror or error})") from None
    polarities, height, width = camera.sensor
    for name, limit in (("x", width), ("y", height), ("p", polarities)):
        _check(file, name, getattr(events, name), limit, " of the sensor")
    return events


def _check(file: Path, name: str, values: np.ndarray, limit: int, unit: str) -> None:
    if len(wrong := np.flatnonzero((values < 0) | (values >= limit))):
        found = f"event {wrong[0]} has {name} = {values[wrong[0]]}"
        raise InputError(f"{file}: {found}, outside 0 to {limit - 1}{unit}")
