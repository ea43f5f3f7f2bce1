"""Batches of still images: one step of current, which a network holds constant over its own time.

A batch is what a `BatchMaker` makes, so that networks and losses need not know: its events are all pixels, each
with a value. `batch.events.dense()` is the (1, B, C * H * W) tensor of normalised pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from spikescan.data.augment import ragged_arange
from spikescan.data.auto_augment import auto_augment
from spikescan.data.event_tensor import Batch, EventTensor
from spikescan.data.images import ImageStore


@dataclass(frozen=True)
class ImageAugmentation:
    """How far images are changed: cropped at random from a picture padded with black, mirrored, and with a hole.

    The hole is Cutout's (DeVries and Taylor 2017, arXiv:1708.04552): a square around a pixel of the picture, part
    of it perhaps outside, where the normalised value is 0. The defaults are those of the CIFAR-10 experiments of
    MPE-PSN, which also have a policy of AutoAugment between the crop and the hole.
    """

    padding: int = 4  # shifts are whole pixels, uniform in +-padding, on each axis
    flip: float = 0.5  # probability of the mirror image
    hole: int = 4  # side of the square, pixels; 0 for none
    policy: bool = False  # AutoAugment's for CIFAR-10, on images of three planes

    def __post_init__(self) -> None:
        for name in ("padding", "hole"):
            value = getattr(self, name)
            if value < 0 or value != int(value):
                raise ValueError(f"{name} is {value}, must be a whole number of pixels, at least 0")
        if not 0 <= self.flip <= 1:
            raise ValueError(f"flip is {self.flip}, not in [0, 1]")

    def move(self, images: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """Images (B, C, H, W) of bytes, mirrored and cropped."""
        count, _, height, width = images.shape
        down, right = generator.integers(-self.padding, self.padding, (2, count, 1), endpoint=True)
        mirrored = generator.random((count, 1)) < self.flip
        y, x = np.arange(height) - down, np.arange(width) - right  # (B, H), (B, W): the pixel that is shown there
        inside = ((y >= 0) & (y < height))[:, :, None] & ((x >= 0) & (x < width))[:, None]
        x = np.where(mirrored, width - 1 - x, x)
        rows = np.arange(count)[:, None, None]
        shown = images[rows, :, (y % height)[:, :, None], (x % width)[:, None]]  # (B, H, W, C)
        return np.where(inside[..., None], shown, 0).transpose(0, 3, 1, 2)

    def holes(self, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
        """(B, 1, H, W) bool: where images of shape (B, C, H, W) keep their value."""
        count, _, height, width = shape
        cut = []
        for size in (height, width):
            first = generator.integers(0, size, (count, 1)) - self.hole // 2
            place = np.arange(size)
            cut.append((place >= first) & (place < first + self.hole))
        return ~(cut[0][:, :, None] & cut[1][:, None])[:, None]


class ImageBatches:
    """Makes the batch of given images; picklable, so that worker processes can hold one.

    mean, deviation  of each plane, in 0 to 1: a pixel p becomes (p / 255 - mean) / deviation.
    augment          applied to each image; None for none.
    """

    def __init__(
        self,
        store: ImageStore,
        *,
        mean: Sequence[float],
        deviation: Sequence[float],
        augment: ImageAugmentation | None = None,
    ) -> None:
        planes = store.images.shape[1]
        for name, values in {"mean": mean, "deviation": deviation}.items():
            if len(values) != planes or not np.isfinite(values).all():
                raise ValueError(f"{name} is {tuple(values)}, needs a number for each of {planes} planes")
        if min(deviation) <= 0:
            raise ValueError(f"deviation is {tuple(deviation)}, must be positive")
        self.store, self.augment = store, augment
        self.mean, self.deviation = tuple(mean), tuple(deviation)

    @property
    def channels(self) -> int:
        """Channels of a batch: planes x height x width."""
        return int(np.prod(self.store.images.shape[1:]))

    def __call__(self, indices: np.ndarray, seed: int = 0) -> Batch:
        """The batch of the images `indices` (B,), in that order; `seed` governs the augmentation alone."""
        indices = np.array(indices, np.int64)
        if len(wrong := indices[(indices < 0) | (indices >= len(self.store))]):
            raise IndexError(f"no sample {wrong[0]}; {self.store.meta.source} has {len(self.store)}")
        row, channel = ragged_arange(np.full(len(indices), self.channels))
        values = self._values(self.store.images[indices], np.random.default_rng(int(seed) % 2**64))
        return Batch(
            EventTensor(
                torch.zeros(len(row), dtype=torch.int32),
                torch.from_numpy(row.astype(np.int32)),
                torch.from_numpy(channel.astype(np.int32)),
                (1, len(indices), self.channels),
                torch.from_numpy(values.reshape(-1)),
            ),
            labels=torch.from_numpy(self.store.labels[indices]),
            lengths=torch.ones(len(indices), dtype=torch.int64),
            indices=torch.from_numpy(indices),
        )

    def _values(self, images: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """(B, C, H, W) float32 of images of bytes."""
        mean, deviation = (np.array(part)[:, None, None] for part in (self.mean, self.deviation))
        if self.augment:
            images = self.augment.move(images, generator)
        if self.augment and self.augment.policy:
            images = auto_augment(images, generator)
        values = (images / 255 - mean) / deviation
        if self.augment and self.augment.hole:
            values = values * self.augment.holes(images.shape, generator)
        return values.astype(np.float32)
