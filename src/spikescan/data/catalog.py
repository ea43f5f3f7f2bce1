"""Data sets by name: converted on first use, opened from the event store afterwards."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spikescan.data.atomic import atomic_folder
from spikescan.data.events import VERSION, EventStore
from spikescan.data.images import ImageStore
from spikescan.data.shd import COCHLEA
from spikescan.data.sources import find
from spikescan.data.write import Progress
from spikescan.errors import InputError

Store = EventStore | ImageStore


@dataclass(frozen=True)
class Dataset:
    """A data set that is ready to be batched."""

    name: str
    folder: Path  # where its stores are
    train: Store
    test: Store
    validation: Store | None  # only where the set's authors give one (SSC)
    channels: int  # input channels
    classes: int  # largest training label + 1
    sensor: tuple[int, int, int] | None  # (polarities, height, width) of an event camera
    class_names: tuple[str, ...]

    @property
    def splits(self) -> dict[str, Store]:
        """The stores by name."""
        found = {"train": self.train, "test": self.test, "validation": self.validation}
        return {name: store for name, store in found.items() if store is not None}


def load(
    name: str,
    *,
    root: Path | str | None = None,
    store: Path | str | None = None,
    channels: int | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """The data set `name`, converted into the folder `store` (default: `default_store()`) where that is due.

    root      the folder with the set's own files, for every set that is not built in.
    channels  input channels, where the data do not say so themselves (the SHD layout): default 700 where the
              largest unit fits, else the largest training unit + 1.
    progress  called with (what, samples done, samples in all) while converting.

    The same files (by path, size and time of change) are converted once. Raises InputError, naming file and
    sample, for anything that is missing or unsound; then no store is left.
    """
    if channels is not None and channels < 1:
        raise InputError(f"channels is {channels}, must be at least 1")
    source = find(name)
    base = default_root(name, root)
    folder = locate(name, root=base, store=store)
    if not folder.is_dir():
        with atomic_folder(folder) as temporary:
            source.convert(base, temporary, channels, progress)
            _assemble(name, temporary, channels)
    return _assemble(name, folder, channels)


def default_root(name: str, root: Path | str | None) -> Path:
    """`root` as a whole path. InputError, saying what to get from where, if it is needed and missing."""
    source = find(name)
    if root is None and source.where:
        raise InputError(
            f"data set {name}: `spikescan data fetch {name}` gets it, or get {source.where}; "
            "then name the folder with --root DIR"
        )
    return Path(root or ".").expanduser().resolve()


def locate(name: str, *, root: Path, store: Path | str | None = None) -> Path:
    """The folder of the converted set, there or not: keyed by a fingerprint of the files in `root`."""
    source = find(name)
    mark = [VERSION, source.version, *map(_stamp, source.files(root))]
    key = hashlib.sha256(json.dumps(mark).encode()).hexdigest()[:16]
    return (Path(store).expanduser().resolve() if store else default_store()) / f"{name}-{key}"


def default_store() -> Path:
    """$XDG_CACHE_HOME/spikescan, or ~/.cache/spikescan."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "spikescan"


def _stamp(file: Path) -> tuple[str, int, int]:
    try:
        stat = file.stat()
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror})") from None
    return str(file), stat.st_size, stat.st_mtime_ns


def _assemble(name: str, folder: Path, channels: int | None) -> Dataset:
    """Open the splits and check each against the training split."""
    train, test = (_open(name, folder, split) for split in ("train", "test"))
    validation = _open(name, folder, "valid") if (folder / "valid").is_dir() else None
    classes = int(train.labels.max()) + 1
    names = train.meta.class_names or tuple(map(str, range(classes)))
    dataset = Dataset(
        name=name,
        folder=folder,
        train=train,
        test=test,
        validation=validation,
        channels=_channels(train, channels),
        classes=classes,
        sensor=train.meta.sensor,
        class_names=names[:classes],
    )
    for split in dataset.splits.values():
        _check_channels(split, dataset.channels)
        _check_labels(split, train.labels)
    return dataset


def _open(name: str, folder: Path, split: str) -> Store:
    try:
        return find(name).open(folder / split)
    except InputError as error:
        raise InputError(f"{error}; delete the folder {folder} and it is converted again") from None


def _channels(train: Store, asked: int | None) -> int:
    if (sensor := train.meta.sensor) is not None:
        given = sensor[0] * sensor[1] * sensor[2]
        if asked not in (None, given):
            raise InputError(f"channels is {asked}, but the sensor {sensor} of {train.meta.source} has {given}")
        return given
    return asked or max(COCHLEA, train.meta.largest_channel + 1)


def _check_channels(split: Store, channels: int) -> None:
    if isinstance(split, EventStore) and split.meta.largest_channel >= channels:
        event = int(np.argmax(split.channels >= channels))
        sample = np.searchsorted(split.offsets, event, side="right") - 1
        found = f"unit {split.channels[event]} where there are {channels} channels"
        raise InputError(f"{split.meta.source}: sample {sample}: {found}")


def _check_labels(split: Store, known: np.ndarray) -> None:
    if len(wrong := np.flatnonzero(~np.isin(split.labels, known))):
        found = f"label {split.labels[wrong[0]]}, which no training sample has"
        raise InputError(f"{split.meta.source}: sample {wrong[0]}: {found}")
