"""Still images beside event recordings: the store of one split, opened like an event store's.

========== ======= ==================== =======================================================
file       dtype   shape
========== ======= ==================== =======================================================
pixels     uint8   (n * C * H * W,)     image after image, plane after plane, row after row
labels     int64   (n,)                 class of each image
meta.json  Meta                         as an event store's; its sensor is (C, H, W)
========== ======= ==================== =======================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spikescan.data.atomic import atomic_folder
from spikescan.data.events import Meta, Stored, damaged, map_column, read_meta


@dataclass(frozen=True, eq=False)
class ImageStore(Stored):
    """One split of an image set.

    What an event store says about its samples it says too: an image lasts no time and has no events.
    """

    path: Path | None
    images: np.ndarray  # (n, C, H, W) uint8
    labels: np.ndarray  # (n,) int64
    meta: Meta
    speakers: None = None

    def sample(self, index: int) -> np.ndarray:
        """The pixels of one image, (C, H, W)."""
        return self.images[index]

    @property
    def counts(self) -> np.ndarray:
        """Events of each sample, (n,) int64: none."""
        return np.zeros(len(self), np.int64)

    @property
    def durations(self) -> np.ndarray:
        """µs of each sample, (n,) int64: none."""
        return np.zeros(len(self), np.int64)


def write_images(
    path: Path, images: np.ndarray, labels: np.ndarray, *, source: str, class_names: tuple[str, ...] | None = None
) -> ImageStore:
    """Write images (n, C, H, W) uint8 with labels (n,) as a store in the new folder `path`, and open it."""
    count, planes, height, width = images.shape
    meta = Meta(
        source=source,
        samples=count,
        events=0,
        largest_channel=planes * height * width - 1,
        unsorted=0,
        empty=0,
        sensor=(planes, height, width),
        class_names=class_names,
    )
    with atomic_folder(path, what="the image store") as folder:
        np.save(folder / "pixels.npy", np.ascontiguousarray(images, np.uint8).reshape(-1))
        np.save(folder / "labels.npy", np.asarray(labels, np.int64))
        (folder / "meta.json").write_text(meta.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return open_images(path)


def open_images(path: Path | str) -> ImageStore:
    """Map the store in folder `path`. Raises InputError, naming the file, where it is not whole."""
    path = Path(path)
    meta = read_meta(path / "meta.json")
    if meta.sensor is None:
        raise damaged(path / "meta.json", "it gives no size of the images")
    pixels = map_column(path / "pixels.npy", np.dtype(np.uint8))
    labels = map_column(path / "labels.npy", np.dtype(np.int64))
    shape = (meta.samples, *meta.sensor)
    for name, column, size in (("pixels", pixels, np.prod(shape)), ("labels", labels, meta.samples)):
        if len(column) != size:
            raise damaged(path / f"{name}.npy", f"{len(column)} entries where meta.json promises {size}")
    if np.any(labels < 0):
        raise damaged(path / "labels.npy", "it holds a negative label")
    return ImageStore(path, pixels.reshape(shape), labels, meta)
