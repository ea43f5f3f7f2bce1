"""A data set batch by batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import torch

from spikescan.data.augment import Augment
from spikescan.data.dataset import Dataset
from spikescan.data.event_tensor import Batch
from spikescan.data.making import maker


class Batches:
    """One pass over a data set; `len` is the number of batches. Each pass over the same object is the same."""

    def __init__(self, data: Dataset, batch_size: int, *, shuffle: bool, seed: int, drop_last: bool, **binning: Any):
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}, must be at least 1")
        self.data, self.batch_size, self.shuffle, self.seed = data, batch_size, shuffle, seed
        self.drop_last, self.maker = drop_last, maker(data, **binning)

    def __len__(self) -> int:
        whole, rest = divmod(len(self.data), self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[Batch]:
        generator = np.random.default_rng(self.seed % 2**64)
        order = generator.permutation(len(self.data)) if self.shuffle else np.arange(len(self.data))
        for number in range(len(self)):
            chosen = order[number * self.batch_size : (number + 1) * self.batch_size]
            yield made(self.maker, self.data, chosen, int(generator.integers(2**63)))


def made(maker: Any, data: Dataset, chosen: np.ndarray, seed: int) -> Batch:
    """The batch of the samples `chosen` of `data`, by their numbers there."""
    batch: Batch = maker(data.indices[chosen], seed)
    return replace(batch, indices=torch.from_numpy(np.array(chosen, np.int64)))


def batches(
    data: Dataset,
    batch_size: int = 64,
    *,
    dt: float | None = None,
    frames: int | None = None,
    frame_by: Literal["duration", "number"] = "duration",
    pool: int = 1,
    pad: Literal["right", "left"] = "right",
    augment: Augment | None = None,
    shuffle: bool = False,
    seed: int = 0,
    drop_last: bool = False,
) -> Batches:
    """One pass over `data`: an iterable of `Batch`, with `.inputs`, `.labels`, `.lengths` and `.indices`.

    Args:
        dt: seconds of a time step; None: what `data.suggested_dt()` says.
        frames: cut every sample into so many frames instead.
        frame_by: frames of equal "duration", or of an equal "number" of events.
        pool: so many neighbouring channels are added up.
        pad: where the empty steps of shorter samples go.
        augment: what changes samples by chance, for instance `spikescan.data.Augmentation()`.
        shuffle: the samples in an order that `seed` draws; take another seed for each epoch.
        drop_last: leave out the last batch where it is not full.

    Raises:
        ValueError: for an impossible argument.
        InputError: where the data do not fit it.
    """
    if dt is None and frames is None:
        dt = data.suggested_dt()
    binning = {"dt": dt, "frames": frames, "frame_by": frame_by, "pool": pool, "pad": pad, "augment": augment}
    return Batches(data, batch_size, shuffle=shuffle, seed=seed, drop_last=drop_last, **binning)
