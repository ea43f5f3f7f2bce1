"""A tiny set in MNIST's own layout: pictures of bars, whose place is the class."""

import gzip
import struct
from pathlib import Path

import numpy as np

FILES = "train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"
NAMES = [f"{name}.gz" for name in FILES]
TRAIN, TEST = 40, 20


def pictures(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(images (n, 28, 28), labels (n,)), both uint8; every pixel is drawn, those of the class's bar are bright."""
    images = np.random.default_rng(seed).integers(0, 60, (count, 28, 28)).astype(np.uint8)
    labels = (np.arange(count) % 10).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[2 * label + 4 : 2 * label + 6] = 255
    return images, labels


def idx(values: np.ndarray) -> bytes:
    return bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()


def write_set(root: Path, *, packed: bool = False, train: bool = True) -> dict[str, Path]:
    """The files by name, packed by gzip or not, those for training or not."""
    root.mkdir(parents=True, exist_ok=True)
    content = [idx(part) for seed, count in enumerate((TRAIN, TEST)) for part in pictures(count, seed)]
    found = {}
    for name, whole in list(zip(FILES, content, strict=True))[0 if train else 2 :]:
        found[name] = root / (f"{name}.gz" if packed else name)
        found[name].write_bytes(gzip.compress(whole) if packed else whole)
    return found
