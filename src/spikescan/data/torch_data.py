"""A data set for torch's own `DataLoader`, with or without workers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import dataset as torch_dataset
from torch.utils.data._utils.collate import default_collate_fn_map

from spikescan.data.augment import Augment
from spikescan.data.dataset import Dataset
from spikescan.data.event_tensor import Batch
from spikescan.data.loading import made
from spikescan.data.making import Maker, maker


class Item(NamedTuple):
    """One sample of `as_torch`."""

    inputs: Tensor  # (T, C) float32: counts of events, or values
    label: int
    number: int  # in the data set


class TorchData(torch_dataset.Dataset):
    """What `as_torch` returns: a data set as torch has them, of `Item`; whole batches of it are made at once."""

    def __init__(self, data: Dataset, maker: Maker, augmented: bool) -> None:
        self.data, self.maker, self.augmented = data, maker, augmented

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> Item:
        number = range(len(self))[index]  # counts from the end too; IndexError for what is not there
        batch = self._batch([number])
        return Item(batch.dense()[:, 0], int(batch.labels[0]), number)

    def __getitems__(self, indices: Sequence[int]) -> list[Batch]:
        """One batch of all of them: what a `DataLoader` asks for where a data set offers it."""
        return [self._batch(indices)]

    def _batch(self, indices: Sequence[int]) -> Batch:
        seed = int(torch.randint(2**62, ())) if self.augmented else 0  # in a worker, from its own generator
        return made(self.maker, self.data, np.asarray(indices, np.int64), seed)


def as_torch(
    data: Dataset,
    *,
    dt: float | None = None,
    frames: int | None = None,
    frame_by: Literal["duration", "number"] = "duration",
    pool: int = 1,
    pad: Literal["right", "left"] = "right",
    augment: Augment | None = None,
) -> TorchData:
    """`data` for torch's `DataLoader`, whose batches then are `Batch`es, as those of `batches`:

        loader = DataLoader(as_torch(data, dt=5e-3), batch_size=64, shuffle=True, num_workers=2)

    An item is (inputs (T, C), label, number). `collate` is what joins items; torch's default does the same here, and
    `collate_fn=collate` is needed only where the items come through another data set (`ConcatDataset`). Arguments are
    those of `batches`; augmentation draws from torch's generator.
    """
    if dt is None and frames is None:
        dt = data.suggested_dt()
    binning = {"dt": dt, "frames": frames, "frame_by": frame_by, "pool": pool, "pad": pad}
    return TorchData(data, maker(data, augment=augment, **binning), augment is not None)


def collate(items: Sequence[Any], **_: Any) -> Batch:
    """One `Batch` of the items (or batches) that a `DataLoader` has gathered; shorter samples are padded with 0 at
    their end.

    Raises:
        TypeError: for items that are not from `as_torch`.
    """
    if len(items) == 1 and isinstance(items[0], Batch):
        return items[0]
    if not items or not all(isinstance(item, Item) for item in items):
        kinds = ", ".join(sorted({type(item).__name__ for item in items})) or "nothing"
        raise TypeError(f"collate: items of spikescan.data.as_torch(data, dt=…) are needed, found {kinds}")
    inputs, labels, indices = zip(*items, strict=True)
    return Batch(
        torch.nn.utils.rnn.pad_sequence(list(inputs)),
        labels=torch.tensor(labels),
        lengths=torch.tensor([len(sample) for sample in inputs]),
        indices=torch.tensor(indices),
    )


default_collate_fn_map.update({Batch: collate, Item: collate})  # how torch documents that types of one's own are joined
