"""What makes a data set's batches, whatever its store holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from spikescan.data import cifar10
from spikescan.data.augment import Augment
from spikescan.data.dataset import Dataset
from spikescan.data.dense import DenseStore
from spikescan.data.dense_batches import DenseBatches
from spikescan.data.event_batches import BatchMaker
from spikescan.data.event_tensor import Batch
from spikescan.data.images import ImageStore
from spikescan.errors import InputError

Maker = Callable[[np.ndarray, int], Batch]
"""(numbers of samples in the store, seed of the augmentation) -> their batch; picklable."""


def maker(data: Dataset, *, augment: Augment | None = None, **binning: Any) -> Maker:
    """What makes the batches of `data`. `binning` holds dt, frames, frame_by, pool and pad, as `BatchMaker` has them;
    still images have no use for them."""
    if isinstance(data.store, ImageStore):
        return cifar10.batches(data.store, augment is not None)
    if isinstance(data.store, DenseStore):
        if augment is not None:
            raise InputError(f"data set {data.name}: real-valued data; augmentation moves events, leave it out")
        return DenseBatches(data.store, **binning)
    return BatchMaker(data.store, channels=data.channels, augment=augment, **binning)
