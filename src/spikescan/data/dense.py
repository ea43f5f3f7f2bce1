"""The dense store: one split of real-valued data (sensors, waveforms, images as sequences), beside the event store.

========== ======= ========= ==========================================================
file       dtype   shape
========== ======= ========= ==========================================================
values     float32 (S * C,)  step after step, the samples one after the other
offsets    int64   (n + 1,)  sample i owns the steps offsets[i] : offsets[i + 1]
labels     int64   (n,)      class of each sample
speakers   int64   (n,)      who was recorded; only where the source says so
meta.json  Meta              as an event store's; `dt` and `channels` are given
========== ======= ========= ==========================================================
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spikescan.data.atomic import atomic_folder
from spikescan.data.events import SPEAKERS, Meta, Stored, damaged, map_column, read_meta
from spikescan.data.write import Column, write_rest
from spikescan.errors import InputError

VALUES = "values.npy"
"""The file by which a folder is known to hold a dense store."""


@dataclass(frozen=True, eq=False)
class DenseStore(Stored):
    """One split of real-valued data. What an event store says about its samples it says too; it has no events."""

    path: Path | None
    values: np.ndarray  # (S, C) float32
    offsets: np.ndarray  # (n + 1,) int64
    labels: np.ndarray  # (n,) int64
    speakers: np.ndarray | None  # (n,) int64
    meta: Meta

    @property
    def dt(self) -> float:
        """Seconds of a step."""
        assert self.meta.dt is not None
        return self.meta.dt

    @property
    def steps(self) -> np.ndarray:
        """Steps of each sample, (n,) int64."""
        return np.diff(self.offsets)

    @property
    def counts(self) -> np.ndarray:
        """Events of each sample, (n,) int64: none."""
        return np.zeros(len(self), np.int64)

    @property
    def durations(self) -> np.ndarray:
        """µs of each sample, (n,) int64."""
        return np.rint(self.steps * (self.dt * 1e6)).astype(np.int64)

    def sample(self, index: int) -> np.ndarray:
        """The values of one sample, (T_i, C)."""
        return self.values[self.offsets[index] : self.offsets[index + 1]]


def hold_dense(
    values: np.ndarray, counts: np.ndarray, *, labels: np.ndarray, speakers: np.ndarray | None = None, **known: Any
) -> DenseStore:
    """Samples of counts (n,) steps, one after the other in values (S, C), as a store in memory; `known` are fields of
    `Meta`, with `source` and `dt`."""
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return DenseStore(
        path=None,
        values=np.ascontiguousarray(values, np.float32),
        offsets=offsets,
        labels=labels.astype(np.int64),
        speakers=None if speakers is None else speakers.astype(np.int64),
        meta=_meta(len(labels), values.shape[1], **known),
    )


def write_dense(
    path: Path | str,
    samples: Iterable[np.ndarray],
    *,
    labels: np.ndarray,
    channels: int,
    speakers: np.ndarray | None = None,
    **known: Any,
) -> DenseStore:
    """Write samples (T_i, C), one for each label, as a store in the new folder `path`, and open it; whole or not at
    all."""
    path = Path(path)
    with atomic_folder(path, what="the data set") as folder:
        counts = []
        with Column(folder / VALUES, np.float32) as column:
            for sample in samples:
                column.append(sample.reshape(-1))
                counts.append(len(sample))
        write_rest(folder, _meta(len(labels), channels, **known), np.array(counts, np.int64), labels, speakers)
    return open_dense(path)


def _meta(samples: int, channels: int, **known: Any) -> Meta:
    known |= {"channels": channels, "largest_channel": channels - 1}
    return Meta(samples=samples, events=0, unsorted=0, empty=0, **known)


def open_dense(path: Path | str) -> DenseStore:
    """Map the store in folder `path`. Raises InputError, naming the file, where it is not whole."""
    path = Path(path)
    meta = read_meta(path / "meta.json")
    if meta.dt is None or not meta.dt > 0 or not meta.channels:
        raise damaged(path / "meta.json", "it gives no dt or no channels of real-valued data")
    names = {"offsets": np.int64, "labels": np.int64} | (SPEAKERS if (path / "speakers.npy").exists() else {})
    arrays = {name: map_column(path / f"{name}.npy", np.dtype(dtype)) for name, dtype in names.items()}
    values = map_column(path / VALUES, np.dtype(np.float32))
    for name, array in arrays.items():
        if len(array) != meta.samples + (name == "offsets"):
            raise damaged(path / f"{name}.npy", f"{len(array)} entries where meta.json promises another number")
    offsets = arrays["offsets"]
    if offsets[0] != 0 or offsets[-1] * meta.channels != len(values) or np.any(np.diff(offsets) < 1):
        raise damaged(path / "offsets.npy", f"offsets do not rise from 0 to the {len(values) // meta.channels} steps")
    if np.any(arrays["labels"] < 0):
        raise damaged(path / "labels.npy", "it holds a negative label")
    return DenseStore(path, values.reshape(-1, meta.channels), offsets, arrays["labels"], arrays.get("speakers"), meta)


def whole_multiple(store: DenseStore, dt: float) -> int:
    """How many steps of `store` make a step of `dt` seconds. InputError where that is no whole number."""
    number = round(dt / store.dt) if 0 < dt < float("inf") else 0
    if number < 1 or abs(dt / store.dt - number) > 1e-6 * number:
        near = store.dt * max(number, 1)
        raise InputError(
            f"{store.meta.source}: dt is {dt:g} s and the data have a value every {store.dt:g} s; "
            f"dt must be a whole multiple of that, for instance {near!r}"
        )
    return number
