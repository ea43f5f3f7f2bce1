"""Event-camera recordings, one file each, through tonic's readers (Lenz et al. 2021,
doi:10.5281/zenodo.5079802).

A camera is a declaration: its sensor, how its folder is laid out, and how one file is read. The input channel
of an event is ``polarity * height * width + y * width + x``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from spikescan.data.events import EventStore
from spikescan.data.write import Block, Progress, write_store
from spikescan.errors import InputError

BLOCK = 256  # recordings read at a time
DIGITS = tuple("0123456789")


class Recording(NamedTuple):
    """One file and its class."""

    file: Path
    label: int


class Events(NamedTuple):
    """Equally long columns of integers: µs, pixel, pixel, 0 or 1."""

    t: np.ndarray
    x: np.ndarray
    y: np.ndarray
    p: np.ndarray


@dataclass(frozen=True)
class Camera:
    """What there is to know about a set of camera recordings."""

    sensor: tuple[int, int, int]  # polarities, height, width
    class_names: tuple[str, ...]
    recordings: Callable[[Path], dict[str, list[Recording]]]  # root -> the recordings of "train" and "test"
    read: Callable[[Path], Events]

    @property
    def channels(self) -> int:
        """Input channels: polarities x height x width."""
        polarities, height, width = self.sensor
        return polarities * height * width


def convert(
    camera: Camera, recordings: list[Recording], folder: Path, what: str, progress: Progress | None = None
) -> EventStore:
    """Read the recordings into a new store. Raises InputError, naming the file, for anything unsound."""
    return write_store(
        folder,
        _blocks(camera, recordings, what, progress),
        labels=np.array([recording.label for recording in recordings], np.int64),
        source=what,
        sensor=camera.sensor,
        class_names=camera.class_names,
    )


def nmnist_recordings(root: Path) -> dict[str, list[Recording]]:
    """`ROOT/Train/<digit>/*.bin` and `ROOT/Test/<digit>/*.bin`, or the same under tonic's `ROOT/NMNIST`."""
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; --root names the folder that holds N-MNIST's Train and Test")
    root = root / "NMNIST" if (root / "NMNIST").is_dir() else root
    return {split.lower(): _digits(root / split) for split in ("Train", "Test")}


def read_nmnist(file: Path) -> Events:
    """One N-MNIST recording (40 bits an event, Orchard et al. 2015, doi:10.3389/fnins.2015.00437)."""
    size = file.stat().st_size
    if not size or size % 5:
        raise InputError(f"{file}: {size} bytes, an N-MNIST recording has 5 for each event; fetch it again")
    columns = np.dtype([(name, np.int64) for name in "xytp"])
    events = _tonic().read_mnist_file(str(file), dtype=columns)
    return Events(*(events[name] for name in Events._fields))


NMNIST = Camera(
    sensor=(2, 34, 34),
    class_names=("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    recordings=nmnist_recordings,
    read=read_nmnist,
)


def _blocks(camera: Camera, recordings: list[Recording], what: str, progress: Progress | None) -> Iterator[Block]:
    for start in range(0, len(recordings), BLOCK):
        files = [recording.file for recording in recordings[start : start + BLOCK]]
        yield _joined(camera, files)
        if progress:
            progress(what, start + len(files), len(recordings))


def _joined(camera: Camera, files: list[Path]) -> Block:
    samples = [_read(camera, file) for file in files]
    _, height, width = camera.sensor
    times, x, y, p = (np.concatenate(column) for column in zip(*samples))
    return Block(times, (p * height + y) * width + x, np.array([len(sample.t) for sample in samples]))


def _read(camera: Camera, file: Path) -> Events:
    try:
        events = camera.read(file)
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror or error})") from None
    polarities, height, width = camera.sensor
    limits = (2**32, width, height, polarities)
    for name, values, limit in zip(Events._fields, events, limits):
        if len(wrong := np.flatnonzero((values < 0) | (values >= limit))):
            raise InputError(
                f"{file}: event {wrong[0]} has {name} = {values[wrong[0]]}, outside 0 to {limit - 1}"
                + (" µs (71 minutes)" if name == "t" else " of the sensor")
            )
    return events


def _digits(folder: Path) -> list[Recording]:
    """The .bin files of the class folders 0 to 9, in order."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; N-MNIST has Train/<digit>/*.bin and Test/<digit>/*.bin")
    classes = sorted(path for path in folder.glob("[!.]*") if path.is_dir())
    for path in classes:
        if path.name not in DIGITS:
            raise InputError(f"{path}: a class folder of N-MNIST is named by its digit, 0 to 9")
    recordings = [Recording(file, int(path.name)) for path in classes for file in sorted(path.glob("[!.]*.bin"))]
    if not recordings:
        raise InputError(f"{folder}: holds no recordings <digit>/*.bin")
    return recordings


def _tonic():
    try:
        from tonic import io
    except ImportError as error:
        raise InputError(
            f"event-camera recordings are read by tonic ({error}): pip install 'spikescan[vision]'"
        ) from None
    return io
