"""CIFAR-10 (Krizhevsky 2009, Learning multiple layers of features from tiny images): 60,000 pictures of 32 x 32
pixels in ten classes, in the authors' binary version.

A record has 3073 bytes: the label, then the red, green and blue plane, row after row. The Python version of the
set (`cifar-10-batches-py`) is not read: it is pickled, and to load a pickle is to run what is in it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from spikescan.data.images import ImageStore, write_images
from spikescan.errors import InputError

if TYPE_CHECKING:
    from spikescan.data.image_batches import ImageBatches

CLASS_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SHAPE = (3, 32, 32)  # planes, height, width
MEAN = (0.4914, 0.4822, 0.4465)  # of all training pixels of a plane, in 0 to 1
DEVIATION = (0.2470, 0.2435, 0.2616)
_RECORD = 1 + SHAPE[0] * SHAPE[1] * SHAPE[2]  # bytes
_FILES = {"train": tuple(f"data_batch_{number}.bin" for number in range(1, 6)), "test": ("test_batch.bin",)}


def find_files(root: Path) -> dict[str, list[Path]]:
    """The files of `root`, or of `root`/cifar-10-batches-bin where the archive has them, by split."""
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; --root names the folder that holds cifar-10-batches-bin")
    folder = root / "cifar-10-batches-bin"
    folder = folder if folder.is_dir() else root
    found = {split: [folder / name for name in names] for split, names in _FILES.items()}
    for file in (file for files in found.values() for file in files):
        if not file.is_file():
            pickled = any((place / "data_batch_1").is_file() for place in (root, root / "cifar-10-batches-py"))
            why = "; pickled files (the Python version) are not read, get cifar-10-binary.tar.gz" if pickled else ""
            raise InputError(f"{file}: no such file; CIFAR-10 has {', '.join(sum(_FILES.values(), ()))}{why}")
    return found


def convert(files: list[Path], folder: Path, what: str) -> ImageStore:
    """Read the files into a new store. InputError, naming the file, for one that is not whole."""
    images, labels = (np.concatenate(column) for column in zip(*map(_read, files)))
    return write_images(folder, images, labels, source=what, class_names=CLASS_NAMES)


def batches(store: ImageStore, augment: bool = False) -> ImageBatches:
    """What makes batches of a split: normalised, and changed by chance where `augment` says so."""
    from spikescan.data.image_batches import ImageAugmentation, ImageBatches  # torch, which a conversion can do without

    change = ImageAugmentation(policy=True) if augment else None
    return ImageBatches(store, mean=MEAN, deviation=DEVIATION, augment=change)


def _read(file: Path) -> tuple[np.ndarray, np.ndarray]:
    """(images (n, 3, 32, 32) uint8, labels (n,) uint8)."""
    try:
        records = np.fromfile(file, np.uint8)
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror or error})") from None
    if not len(records) or len(records) % _RECORD:
        raise InputError(f"{file}: {len(records)} bytes, not records of {_RECORD}; fetch it again")
    records = records.reshape(-1, _RECORD)
    labels = records[:, 0]
    if len(wrong := np.flatnonzero(labels >= len(CLASS_NAMES))):
        raise InputError(f"{file}: record {wrong[0]} has label {labels[wrong[0]]}, outside 0 to 9; fetch it again")
    return records[:, 1:].reshape(-1, *SHAPE), labels
