"""N-MNIST: MNIST's digits in front of a moving event camera (Orchard et al. 2015, doi:10.3389/fnins.2015.00437)."""

from __future__ import annotations

from pathlib import Path

from spikescan.data.cameras import _atis, _folders
from spikescan.data.vision import Camera, Recording
from spikescan.errors import InputError

DIGITS = tuple("0123456789")
_LAYOUT = "N-MNIST has Train/<digit>/*.bin and Test/<digit>/*.bin"


def recordings(root: Path) -> dict[str, list[Recording]]:
    """`ROOT/Train/<digit>/*.bin` and `ROOT/Test/<digit>/*.bin`, or the same under tonic's `ROOT/NMNIST`."""
    root = _folders.base(root, "NMNIST", holds="N-MNIST's Train and Test")
    return {split.lower(): _digits(root / split) for split in ("Train", "Test")}


def _digits(folder: Path) -> list[Recording]:
    classes = _folders.classes(folder, _LAYOUT)
    for path in classes:
        if path.name not in DIGITS:
            raise InputError(f"{path}: a class folder of N-MNIST is named by its digit, 0 to 9")
    found = [Recording(file, int(path.name)) for path in classes for file in sorted(path.glob("[!.]*.bin"))]
    if not found:
        raise InputError(f"{folder}: holds no recordings <digit>/*.bin")
    return found


NMNIST = Camera(
    sensor=(2, 34, 34),
    class_names=("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    recordings=recordings,
    read=_atis.read,
)
