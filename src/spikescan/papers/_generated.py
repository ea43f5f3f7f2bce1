"""Small sets in the native formats of the papers' sets, for a check of the whole path where the real ones are absent.

In each class of the camera sets a spot moves along a path of its own; in each class of the images a bright square lies
at a place of its own. They can be learned, and say nothing about the real sets.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from spikescan.data import cifar10
from spikescan.data.atomic import atomic_folder
from spikescan.data.cameras import _bytes, cifar10dvs, dvsgesture

EVENTS = 1500
LASTS = 400_000
"""µs of a recording."""
Columns = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def write(name: str, folder: Path) -> Path:
    """The set ``name`` in ``folder``, where it is left as it is if it is there already; always the same one."""
    if not folder.is_dir():
        with atomic_folder(folder, what="generated recordings", option="--out") as temporary:
            SETS[name](temporary, np.random.default_rng(0))
    return folder


def spot(rng: np.random.Generator, label: int, classes: int, height: int, width: int, start: int = 0) -> Columns:
    """(t, x, y, p) of a spot that starts on a circle, at the angle of its class, and moves along it."""
    t = np.sort(rng.integers(start, start + LASTS, EVENTS))
    angle = 2 * np.pi * (label + 0.6 * (t - start) / LASTS) / classes
    reach = 0.33 * min(height, width)
    y = height / 2 + reach * np.sin(angle) + rng.normal(0, 0.06 * height, EVENTS)
    x = width / 2 + reach * np.cos(angle) + rng.normal(0, 0.06 * width, EVENTS)
    x, y = (np.clip(np.rint(place), 0, size - 1).astype(np.int64) for place, size in ((x, width), (y, height)))
    return t, x, y, (rng.random(EVENTS) < (0.3 + 0.4 * (label % 2))).astype(np.int64)


def _gestures(folder: Path, rng: np.random.Generator) -> None:
    """DVS128 Gesture's original layout: a recording of all gestures for each of six people."""
    count = len(dvsgesture.CLASS_NAMES)
    for split, people in {"train": range(1, 5), "test": (24, 25)}.items():
        names = [f"user{person:02}_led" for person in people]
        (folder / f"trials_to_{split}.txt").write_text("".join(f"{name}.aedat\n" for name in names))
        for name in names:
            starts = [label * (LASTS + 1000) for label in range(count)]
            packets = [_bytes.packet(*spot(rng, label, count, 128, 128, starts[label])) for label in range(count)]
            (folder / f"{name}.aedat").write_bytes(_bytes.aedat3_bytes(*packets))
            lines = [f"{label + 1},{start},{start + LASTS}" for label, start in enumerate(starts)]
            (folder / f"{name}_labels.csv").write_text("\n".join(["class,startTime_usec,endTime_usec", *lines, ""]))


def _moved_pictures(folder: Path, rng: np.random.Generator) -> None:
    """CIFAR10-DVS: three recordings of each class among the first hundred, which are tested on, and eight others."""
    for label, name in enumerate(cifar10dvs.CLASS_NAMES):
        (folder / name).mkdir()
        for number in (*range(3), *range(100, 108)):
            content = _bytes.aedat2_bytes(*spot(rng, label, len(cifar10dvs.CLASS_NAMES), 128, 128))
            (folder / name / f"cifar10_{name}_{number}.aedat").write_bytes(content)


def _objects(folder: Path, rng: np.random.Generator) -> None:
    """N-Caltech101 with four classes of twenty, of which the first two are tested on."""
    for label, name in enumerate(("anchor", "bonsai", "cup", "dolphin")):
        (folder / "Caltech101" / name).mkdir(parents=True)
        for number in range(1, 21):
            content = _bytes.atis_bytes(*spot(rng, label, 4, 180, 240))
            (folder / "Caltech101" / name / f"image_{number:04}.bin").write_bytes(content)


def _images(folder: Path, rng: np.random.Generator) -> None:
    """CIFAR-10's binary version: twenty records a file."""
    (folder / "cifar-10-batches-bin").mkdir()
    for name in (*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"):
        labels = np.arange(20) % len(cifar10.CLASS_NAMES)
        images = rng.integers(0, 120, (20, *cifar10.SHAPE), dtype=np.uint8)
        for image, label in zip(images, labels, strict=True):
            row, column = 4 + 14 * (label % 2), 6 * (label // 2)
            image[:, row : row + 10, column : column + 8] += 120
        records = np.concatenate([labels[:, None].astype(np.uint8), images.reshape(20, -1)], axis=1)
        (folder / "cifar-10-batches-bin" / name).write_bytes(records.tobytes())


SETS: dict[str, Callable[[Path, np.random.Generator], None]] = {
    "dvsgesture": _gestures,
    "cifar10dvs": _moved_pictures,
    "ncaltech101": _objects,
    "cifar10": _images,
}
