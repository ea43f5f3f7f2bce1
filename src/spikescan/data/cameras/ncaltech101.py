"""N-Caltech101: photographs of 100 kinds of objects and of none (BACKGROUND_Google) in front of a moving event
camera (Orchard et al. 2015, doi:10.3389/fnins.2015.00437).

Classes   the folders in order of name; labels count them from 0.
Sensor    240 x 180 pixels. A recording covers the part of it that its photograph was shown on, counted from the
          part's own corner; it stays there, in the upper left of the sensor.
Split     the authors give none. Test: the first tenth of each class by number of the recording, rounded down,
          as in the experiments of MPE-PSN.
"""

from __future__ import annotations

from pathlib import Path

from spikescan.data.cameras import _atis, _folders
from spikescan.data.vision import Camera, Recording
from spikescan.errors import InputError

_LAYOUT = "N-Caltech101 has Caltech101/<class>/image_<number>.bin"


def recordings(root: Path) -> dict[str, list[Recording]]:
    """`ROOT/<class>/image_*.bin`, or the same under `ROOT/Caltech101`, where the archive has them."""
    root = _folders.base(root, "Caltech101", "NCALTECH101/Caltech101", holds="N-Caltech101's Caltech101")
    found: dict[str, list[Recording]] = {"train": [], "test": []}
    for label, folder in enumerate(_folders.classes(root, _LAYOUT)):
        files = [file for _, file in _folders.numbered(folder, "image_", ".bin")]
        if not files:
            raise InputError(f"{folder}: holds no recordings; {_LAYOUT}")
        for place, file in enumerate(files):
            found["test" if place < len(files) // 10 else "train"].append(Recording(file, label))
    for split, files in found.items():
        if not files:
            raise InputError(f"{root}: too few recordings for a {split} split; {_LAYOUT}, 10 or more a class")
    return found


NCALTECH101 = Camera(sensor=(2, 180, 240), class_names=None, recordings=recordings, read=_atis.read)
