"""The two ragged arrays of the SHD layout, read block after block with every spike checked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import h5py
import numpy as np

from spikescan.data.write import Block, Progress
from spikescan.errors import InputError

BLOCK = 256  # samples read at a time
_LATEST = (2**32 - 1) / 1e6  # seconds that fit into 32 bits of microseconds
_MOST = 2**24  # channels; nobody has an ear or an eye with more, but a file of something else may say so


@dataclass(frozen=True)
class Spikes:
    """`spikes/times` and `spikes/units` of an open file."""

    file: Path
    times: h5py.Dataset  # (n,) of seconds (E_i,)
    units: h5py.Dataset  # (n,) of channels (E_i,)
    channels: int | None  # how many there may be, where that is known
    progress: Progress | None

    def blocks(self) -> Iterator[Block]:
        """The samples in order. InputError, naming file and sample, for anything unsound."""
        for start in range(0, len(self.times), BLOCK):
            stop = min(start + BLOCK, len(self.times))
            yield self._block(start, stop)
            if self.progress:
                self.progress(self.file.name, stop, len(self.times))

    def _block(self, start: int, stop: int) -> Block:
        times, units = self._read(self.times, start, stop), self._read(self.units, start, stop)
        counts = np.array([len(sample) for sample in times])
        lengths = np.array([len(sample) for sample in units])
        if len(wrong := np.flatnonzero(counts != lengths)):
            sample = wrong[0]
            self._fail(start + sample, f"{counts[sample]} times and {lengths[sample]} units")
        seconds = np.concatenate(times).astype(np.float64)
        unit = np.concatenate(units)
        self._check(start, counts, seconds, unit)
        return Block(np.rint(seconds * 1e6).astype(np.uint32), unit.astype(np.uint32), counts)

    def _read(self, dataset: h5py.Dataset, start: int, stop: int) -> np.ndarray:
        try:
            return dataset[start:stop]
        except OSError as error:
            if stop - start == 1:
                self._fail(start, f"{dataset.name} cannot be read ({error})")
        for sample in range(start, stop):  # the block is broken somewhere: find the sample to name
            self._read(dataset, sample, sample + 1)
        raise InputError(f"{self.file}: samples {start} to {stop - 1} of {dataset.name} cannot be read")

    def _check(self, start: int, counts: np.ndarray, seconds: np.ndarray, unit: np.ndarray) -> None:
        limit = self.channels or _MOST
        faults = {
            "time {} s, which is not a finite number": (seconds, ~np.isfinite(seconds)),
            "time {} s, which is negative": (seconds, seconds < 0),
            "time {} s: recordings may last 71 minutes (32 bits of µs)": (seconds, seconds >= _LATEST),
            "unit {}, which is negative": (unit, unit < 0),
            f"unit {{}} where there are at most {limit} channels": (unit, unit >= limit),
        }
        for fault, (values, wrong) in faults.items():
            if len(events := np.flatnonzero(wrong)):
                sample = np.searchsorted(np.cumsum(counts), events[0], side="right")
                self._fail(start + sample, f"a spike has {fault.format(values[events[0]])}")

    def _fail(self, sample: int, what: str) -> NoReturn:
        raise InputError(f"{self.file}: sample {sample}: {what}")
