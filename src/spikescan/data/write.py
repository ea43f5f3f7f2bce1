"""Writing an event store, block after block, so that it is either whole or not there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

from spikescan.data.atomic import atomic_folder
from spikescan.data.events import DTYPES, EventStore, Meta, open_store

Progress = Callable[[str, int, int], None]  # called with (what, samples done, samples in all)


@dataclass(frozen=True)
class Block:
    """Some consecutive samples, one after the other."""

    times: np.ndarray  # (E,) µs
    channels: np.ndarray  # (E,)
    counts: np.ndarray  # (n,) events of each sample


def write_store(
    path: Path | str,
    blocks: Iterable[Block],
    *,
    labels: np.ndarray,
    source: str,
    speakers: np.ndarray | None = None,
    **known: Any,
) -> EventStore:
    """Write the samples of `blocks`, one for each label, as a store in the new folder `path`, and open it; `known` are
    further fields of its `Meta`.

    Events out of order are sorted by time within their sample (stably) and counted. Blocks are taken one at a
    time, so that memory stays bounded by the largest. Whatever `blocks` raises passes through, and nothing is
    left. Where the disk is full or the place cannot be written an InputError says so.
    """
    path = Path(path)
    with atomic_folder(path) as folder:
        counts, unsorted, largest = _stream(folder, blocks)
        if len(counts) != len(labels):
            raise ValueError(f"{len(counts)} samples and {len(labels)} labels")
        write_rest(folder, _meta(source, counts, unsorted, largest, **known), counts, labels, speakers)
    return open_store(path)


def write_rest(folder: Path, meta: Meta, counts: np.ndarray, labels: np.ndarray, speakers: np.ndarray | None) -> None:
    """What every store has beside its columns: offsets of samples with so many events (or steps), labels, meta.json."""
    arrays = {"offsets": np.concatenate([[0], np.cumsum(counts)]), "labels": np.asarray(labels)}
    arrays |= {} if speakers is None else {"speakers": np.asarray(speakers)}
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array.astype(np.int64))
    (folder / "meta.json").write_text(meta.model_dump_json(indent=1) + "\n", encoding="utf-8")


def hold_store(
    block: Block, *, labels: np.ndarray, source: str, speakers: np.ndarray | None = None, **known: Any
) -> EventStore:
    """The samples of `block`, one for each label, as a store in memory; `known` are further fields of `Meta`.

    Events out of order are sorted and counted, as `write_store` does. Times are whole µs below 2^32.
    """
    block, unsorted = in_order(block)
    counts = np.asarray(block.counts, np.int64)
    return EventStore(
        path=None,
        times=block.times.astype(DTYPES["times"]),
        channels=block.channels.astype(DTYPES["channels"]),
        offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        labels=labels.astype(np.int64),
        speakers=None if speakers is None else speakers.astype(np.int64),
        meta=_meta(source, counts, unsorted, _largest(block), **known),
    )


def _meta(source: str, counts: np.ndarray, unsorted: int, largest: int, **known: Any) -> Meta:
    return Meta(
        source=source,
        samples=len(counts),
        events=int(counts.sum()),
        largest_channel=largest,
        unsorted=unsorted,
        empty=int(np.sum(counts == 0)),
        **known,
    )


def joined(blocks: Iterable[Block]) -> Block:
    """Some blocks, at least one, as one."""
    columns = zip(*((block.times, block.channels, block.counts) for block in blocks))
    return Block(*(np.concatenate(column) for column in columns))


def in_order(block: Block) -> tuple[Block, int]:
    """The block with every sample's events rising in time, and how many samples had to be sorted."""
    sample = np.repeat(np.arange(len(block.counts)), block.counts)
    falls = (block.times[1:] < block.times[:-1]) & (sample[1:] == sample[:-1])
    if not falls.any():
        return block, 0
    order = np.lexsort((block.times, sample))
    mended = Block(block.times[order], block.channels[order], block.counts)
    return mended, len(np.unique(sample[1:][falls]))


def _stream(folder: Path, blocks: Iterable[Block]) -> tuple[np.ndarray, int, int]:
    """Write times.npy and channels.npy; (events of each sample, unsorted samples, largest channel)."""
    counts, unsorted, largest = [np.zeros(0, np.int64)], 0, -1
    with (
        Column(folder / "times.npy", DTYPES["times"]) as times,
        Column(folder / "channels.npy", DTYPES["channels"]) as channels,
    ):
        for block in blocks:
            block, mended = in_order(block)
            times.append(block.times)
            channels.append(block.channels)
            counts.append(np.asarray(block.counts, np.int64))
            unsorted += mended
            largest = max(largest, _largest(block))
    return np.concatenate(counts), unsorted, largest


def _largest(block: Block) -> int:
    return int(block.channels.max()) if len(block.channels) else -1


class Column:
    """An .npy file of one axis that grows: numpy pads its header so that the length fits in afterwards."""

    def __init__(self, path: Path, dtype: type[np.generic]) -> None:
        self.file = open(path, "wb")  # noqa: SIM115 (closed by __exit__)
        self.dtype, self.length = np.dtype(dtype), 0

    def __enter__(self) -> Column:
        self._header()
        return self

    def append(self, values: np.ndarray) -> None:
        self.file.write(np.ascontiguousarray(values, self.dtype).data)
        self.length += len(values)

    def __exit__(self, *_: object) -> None:
        with self.file:
            self.file.seek(0)
            self._header()

    def _header(self) -> None:
        entries = {"descr": npy.dtype_to_descr(self.dtype), "fortran_order": False, "shape": (self.length,)}
        npy.write_array_header_1_0(self.file, entries)
