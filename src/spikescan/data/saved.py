"""A data set as a folder of its own, written and opened again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from spikescan.data.dataset import Dataset, Store
from spikescan.data.dense import VALUES, DenseStore, open_dense, write_dense
from spikescan.data.events import EventStore, open_store
from spikescan.data.images import open_images
from spikescan.data.write import Block, joined, write_store
from spikescan.errors import InputError

_BLOCK = 256  # samples written at a time


def save(data: Dataset, folder: Path | str) -> Path:
    """Write the samples of `data`, in their order, as the new folder `folder`, whole or not at all; that folder.

    Raises:
        InputError: where the folder holds something already, or cannot be written.
    """
    folder = Path(folder).expanduser()
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise InputError(f"{folder}: is there already; name a new folder")
    write(data, folder)
    return folder


def write(data: Dataset, folder: Path) -> Store:
    """The store of the samples of `data` in `folder`, opened."""
    store, meta = data.store, data.store.meta
    known = {"source": meta.source, "speaker_names": meta.speaker_names, "notes": meta.notes, "sensor": data.sensor}
    known |= {
        "front_end": meta.front_end,
        "name": data.name,
        "class_names": data.class_names,
        "ordered_channels": data.ordered_channels,
    }
    given = {"labels": data.labels, "speakers": data.speakers, "channels": data.channels}
    if isinstance(store, DenseStore):
        return write_dense(folder, (store.sample(index) for index in data.indices), dt=store.dt, **given, **known)
    if isinstance(store, EventStore):
        return write_store(folder, _blocks(store, data.indices), **given, **known)
    raise InputError(f"data set {data.name}: still images are not saved; their own files hold them")


def _blocks(store: EventStore, indices: np.ndarray) -> Iterator[Block]:
    for first in range(0, len(indices), _BLOCK):
        samples = (store.sample(index) for index in indices[first : first + _BLOCK])
        yield joined(Block(times, channels, np.array([len(times)])) for times, channels in samples)


def load(folder: Path | str) -> Dataset:
    """The data set that `Dataset.save` wrote as `folder`; its arrays are mapped, not read.

    Raises:
        InputError: where there is none, or it is not whole.
    """
    folder = Path(folder).expanduser().resolve()
    if not (folder / "meta.json").is_file():
        raise InputError(f"{folder}: no saved data set (meta.json is missing); Dataset.save makes one")
    store = open_any(folder)
    return Dataset.of(store, name=store.meta.name or folder.name)


def open_any(folder: Path | str) -> Store:
    """The store in `folder`, of whichever kind. InputError where it is not whole."""
    folder = Path(folder)
    for file, kind in ((VALUES, open_dense), ("pixels.npy", open_images)):
        if (folder / file).exists():
            return kind(folder)
    return open_store(folder)
