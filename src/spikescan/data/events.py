"""The event store: one split of a data set as flat arrays, memory-mapped from the files of one folder or in memory.

========== ======= ========= ==========================================================
file       dtype   shape
========== ======= ========= ==========================================================
times      uint32  (E,)      µs since the sample began, rising within each sample
channels   uint32  (E,)      input channel of each event
offsets    int64   (n + 1,)  sample i owns the events offsets[i] : offsets[i + 1]
labels     int64   (n,)      class of each sample
speakers   int64   (n,)      who was recorded; only where the source says so
meta.json  Meta              where the events come from and what was mended on the way
========== ======= ========= ==========================================================

Nothing here is ever changed in place: a store is written once (`write.py`) and read by many processes.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from spikescan.errors import InputError

VERSION = 1
DTYPES = {"times": np.uint32, "channels": np.uint32, "offsets": np.int64, "labels": np.int64}
SPEAKERS = {"speakers": np.int64}
NO_ITEMS = (
    "its samples have no time step yet and cannot be indexed: take spikescan.data.batches(data, dt=…), or torch's "
    "DataLoader(spikescan.data.as_torch(data, dt=…))"
)


class Meta(BaseModel):
    """What is known about a store beside its arrays."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    version: int = VERSION
    source: str  # the file or folder that the events were read from
    samples: int
    events: int
    largest_channel: int  # -1 where there are no events
    unsorted: int  # samples whose events had to be sorted by time
    empty: int  # samples without events
    sensor: tuple[int, int, int] | None = None  # (polarities, height, width) of an event camera
    class_names: tuple[str, ...] | None = None
    speaker_names: tuple[str, ...] | None = None  # of speakers that are not numbers in the source
    name: str | None = None  # of the data set, where it was saved under one
    channels: int | None = None  # input channels, where they are known to be more than the largest says
    ordered_channels: bool = False  # whether neighbouring channels are alike
    dt: float | None = None  # seconds of a step of real-valued data
    notes: tuple[str, ...] = ()  # a sentence for each thing of the source that was left out or decided
    front_end: dict[str, Any] | None = None  # settings of what made the events of sound


class Stored:
    """What stores of every kind have in common. Opened from a folder a store is read-only and pickles as its path, so
    that worker processes map the files themselves; one in memory pickles its arrays."""

    path: Path | None  # None: in memory
    labels: np.ndarray
    meta: Meta

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: object) -> NoReturn:
        raise TypeError(f"{self.meta.source}: {NO_ITEMS}")

    def __reduce__(self) -> tuple[Any, ...]:
        if self.path is None:
            return type(self), tuple(getattr(self, field.name) for field in fields(self))  # type: ignore[arg-type]
        from spikescan.data.saved import open_any

        return open_any, (self.path,)


@dataclass(frozen=True, eq=False)
class EventStore(Stored):
    """One split as events, mapped from a folder or in memory (`write.hold_store`)."""

    path: Path | None
    times: np.ndarray  # (E,) uint32 µs
    channels: np.ndarray  # (E,) uint32
    offsets: np.ndarray  # (n + 1,) int64
    labels: np.ndarray  # (n,) int64
    speakers: np.ndarray | None  # (n,) int64
    meta: Meta

    @property
    def counts(self) -> np.ndarray:
        """Events of each sample, (n,) int64."""
        return np.diff(self.offsets)

    @property
    def durations(self) -> np.ndarray:
        """µs of each sample, (n,) int64: its last event's time + 1, and 0 for a sample without events."""
        last = np.zeros(len(self), np.int64)
        filled = np.flatnonzero(self.counts)
        last[filled] = self.times[self.offsets[filled + 1] - 1].astype(np.int64) + 1
        return last

    def sample(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """(times, channels) of one sample, (E_i,) each; views of the mapped files."""
        events = slice(self.offsets[index], self.offsets[index + 1])
        return self.times[events], self.channels[events]


def open_store(path: Path | str) -> EventStore:
    """Map the store in folder `path`. Raises InputError, naming the file, where it is not whole."""
    path = Path(path)
    meta = read_meta(path / "meta.json")
    names = DTYPES | (SPEAKERS if (path / "speakers.npy").exists() else {})
    arrays = {name: map_column(path / f"{name}.npy", np.dtype(dtype)) for name, dtype in names.items()}
    _check_sizes(path, meta, {name: len(array) for name, array in arrays.items()})
    _check_offsets(path / "offsets.npy", arrays["offsets"], meta.events)
    if np.any(arrays["labels"] < 0):
        raise damaged(path / "labels.npy", "it holds a negative label")
    return EventStore(path, speakers=arrays.pop("speakers", None), meta=meta, **arrays)


def damaged(file: Path, why: str) -> InputError:
    """The error for a store that cannot be trusted."""
    return InputError(f"{file}: damaged event store, {why}")


def read_meta(file: Path) -> Meta:
    """What meta.json says. InputError where it is none of this version."""
    try:
        text = file.read_bytes()
    except OSError as error:
        raise InputError(f"{file}: not an event store ({error.strerror})") from None
    try:
        meta = Meta.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        raise damaged(file, f"{'.'.join(map(str, first['loc']))} {first['msg']}".strip()) from None
    if meta.version != VERSION:
        raise damaged(file, f"format version {meta.version} where this spikescan reads {VERSION}")
    return meta


def map_column(file: Path, dtype: np.dtype) -> np.ndarray:
    """The one axis of numbers in an .npy file, mapped read-only. InputError where it is not whole."""
    try:
        array = np.lib.format.open_memmap(file, mode="r")
    except FileNotFoundError:
        raise damaged(file, "the file is missing") from None
    except Exception as error:  # a damaged header is parsed as Python, and fails in as many ways
        raise damaged(file, f"the file cannot be mapped ({error})") from None
    if array.dtype != dtype or array.ndim != 1:
        raise damaged(file, f"found {array.dtype} of shape {array.shape}, not one axis of {dtype}")
    if (size := file.stat().st_size) != array.offset + array.nbytes:
        raise damaged(file, f"{size} bytes where its header promises {array.offset + array.nbytes}")
    return array


def _check_sizes(path: Path, meta: Meta, found: dict[str, int]) -> None:
    expected = {"times": meta.events, "channels": meta.events, "offsets": meta.samples + 1}
    for name, size in found.items():
        if size != expected.get(name, meta.samples):
            raise damaged(path / f"{name}.npy", f"{size} entries where meta.json promises another number")


def _check_offsets(file: Path, offsets: np.ndarray, events: int) -> None:
    if offsets[0] != 0 or offsets[-1] != events or np.any(np.diff(offsets) < 0):
        raise damaged(file, f"offsets do not rise from 0 to {events}")
