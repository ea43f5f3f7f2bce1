"""Data sets by name: converted on first use, opened from the event store afterwards."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spikescan.data.atomic import atomic_folder
from spikescan.data.audio_options import AudioOptions
from spikescan.data.dataset import Dataset, Store
from spikescan.data.dense import DenseStore
from spikescan.data.events import VERSION, EventStore
from spikescan.data.sources import Source, find
from spikescan.data.write import Progress
from spikescan.errors import InputError

PARTS = ("train", "test", "valid")
"""The folders of the stores."""
HELD_OUT, SEED = 0.2, 0
"""Share of the samples that is held out for testing where a set has no test part, and what draws it."""


@dataclass(frozen=True)
class Splits:
    """A set that is known by its name, or a folder of own recordings: its parts, ready to be batched."""

    name: str
    folder: Path  # where its stores are
    train: Dataset
    test: Dataset
    validation: Dataset | None = None  # only where there is a part for it (SSC)
    notes: tuple[str, ...] = ()  # a sentence for each thing that was decided for the user

    @property
    def parts(self) -> dict[str, Dataset]:
        """The parts that there are, by name."""
        found = {"train": self.train, "test": self.test, "validation": self.validation}
        return {name: part for name, part in found.items() if part is not None}

    @property
    def channels(self) -> int:
        """Input channels."""
        return self.train.channels

    @property
    def classes(self) -> int:
        return self.train.classes

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.train.class_names

    @property
    def sensor(self) -> tuple[int, int, int] | None:
        """(polarities, height, width) of an event camera."""
        return self.train.sensor


def load(
    name: str,
    *,
    root: Path | str | None = None,
    store: Path | str | None = None,
    channels: int | None = None,
    progress: Progress | None = None,
    audio: AudioOptions | None = None,
) -> Splits:
    """The data set `name`, converted into the folder `store` (default: `default_store()`) where that is due.

    root      the folder with the set's own files, for every set that is not built in.
    channels  input channels, where the data do not say so themselves: in the SHD layout by default 700 where the
              largest unit fits, else the largest training unit + 1; of own recordings the largest + 1.
    progress  called with (what, samples done, samples in all) while converting.
    audio     how sounds are read, for the set "audio"; None: as `AudioOptions` has it.

    The same files (by path, size and time of change) are converted once. Raises InputError, naming file and
    sample, for anything that is missing or unsound; then no store is left.
    """
    if channels is not None and channels < 1:
        raise InputError(f"channels is {channels}, must be at least 1")
    source = find(name, audio)
    base = default_root(name, root)
    folder = locate(name, root=base, store=store, audio=audio)
    if not folder.is_dir():
        with atomic_folder(folder) as temporary:
            source.convert(base, temporary, channels, progress)
            _assemble(name, temporary, base, channels)
        if source.unfinished is not None:
            shutil.rmtree(source.unfinished(base, folder), ignore_errors=True)
    return _assemble(name, folder, base, channels)


def default_root(name: str, root: Path | str | None) -> Path:
    """`root` as a whole path. InputError, saying what to get from where, if it is needed and missing."""
    source = find(name)
    if root is None and source.own:
        raise InputError(f"data set {name}: --root DIR names the folder with your recordings: {source.where}")
    if root is None and source.where:
        raise InputError(
            f"data set {name}: `spikescan data fetch {name}` gets it, or get {source.where}; "
            "then name the folder with --root DIR"
        )
    return Path(root or ".").expanduser().resolve()


def locate(name: str, *, root: Path, store: Path | str | None = None, audio: AudioOptions | None = None) -> Path:
    """The folder of the converted set, there or not: keyed by a fingerprint of the files in `root`, and of the options
    where there are such."""
    source = find(name, audio)
    mark = [VERSION, source.version, *map(_stamp, source.files(root))]
    mark += [] if source.mark is None else [source.mark()]
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


def _assemble(name: str, folder: Path, root: Path, channels: int | None) -> Splits:
    """Open the parts and check each against the training part."""
    source = find(name)
    stores = {split: _open(name, folder, split) for split in PARTS if split == "train" or (folder / split).is_dir()}
    train = stores["train"]
    known = {
        "name": shown(name, root),
        "channels": _channels(source, stores, channels),
        "classes": _classes(source, train),
        "ordered_channels": source.ordered or train.meta.ordered_channels,
    }
    parts = {split: Dataset.whole(store, **known) for split, store in stores.items()}
    for part in parts.values():
        _check_channels(part.store, part.channels)
        _check_labels(part.store, train.labels)
    notes = ()
    if "test" not in parts:
        if not source.own:
            _open(name, folder, "test")  # which says that it is not there
        parts["train"], parts["test"], notes = hold_out(parts["train"])
    return Splits(known["name"], folder, parts["train"], parts["test"], parts.get("valid"), notes)


def shown(name: str, root: Path | str | None) -> str:
    """What a set is called in titles and files: own recordings by their folder, others by the set's name."""
    return (Path(root).name or name) if find(name).own and root else name


def hold_out(whole: Dataset) -> tuple[Dataset, Dataset, tuple[str, ...]]:
    try:
        train, test = whole.split(HELD_OUT, seed=SEED)
    except InputError:
        raise InputError(
            f"{whole.store.meta.source}: {len(whole)} samples and no test part: a fifth cannot be held out; "
            "record more, or add a test part"
        ) from None
    share = f"{len(test)} of {len(whole)} samples, a fifth of each class drawn with seed {SEED},"
    return train, test, (f"{whole.store.meta.source}: no test part; {share} are held out for testing",)


def _open(name: str, folder: Path, split: str) -> Store:
    try:
        return find(name).open(folder / split)
    except InputError as error:
        raise InputError(f"{error}; delete the folder {folder} and it is converted again") from None


def _channels(source: Source, stores: dict[str, Store], asked: int | None) -> int:
    train = stores["train"]
    if (sensor := train.meta.sensor) is not None:
        given = sensor[0] * sensor[1] * sensor[2]
        if asked not in (None, given):
            raise InputError(f"channels is {asked}, but the sensor {sensor} of {train.meta.source} has {given}")
        return given
    if (front := train.meta.front_end) is not None and asked not in (None, train.meta.channels):
        raise InputError(f"channels is {asked}, but {front['kind']} made {train.meta.channels}: set audio.channels")
    found = stores.values() if source.own else [train]
    return asked or max(source.channels, *(store.meta.channels or store.meta.largest_channel + 1 for store in found))


def _classes(source: Source, train: Store) -> int:
    """The largest training label + 1; of own recordings that name their classes, as many as they name."""
    found = int(train.labels.max()) + 1
    return max(found, len(train.meta.class_names or ())) if source.own else found


def _check_channels(split: Store, channels: int) -> None:
    if isinstance(split, DenseStore) and split.values.shape[1] != channels:
        raise InputError(f"{split.meta.source}: {split.values.shape[1]} channels where there are {channels}")
    if isinstance(split, EventStore) and split.meta.largest_channel >= channels:
        event = int(np.argmax(split.channels >= channels))
        sample = np.searchsorted(split.offsets, event, side="right") - 1
        found = f"unit {split.channels[event]} where there are {channels} channels"
        raise InputError(f"{split.meta.source}: sample {sample}: {found}")


def _check_labels(split: Store, known: np.ndarray) -> None:
    if len(wrong := np.flatnonzero(~np.isin(split.labels, known))):
        found = f"label {split.labels[wrong[0]]}, which no training sample has"
        raise InputError(f"{split.meta.source}: sample {wrong[0]}: {found}")
