"""CIFAR10-DVS: 1000 pictures of each CIFAR-10 class moved about on a screen in front of a DVS128 (Li et al. 2017,
doi:10.3389/fnins.2017.00309), in its original AEDAT 2.0 files.

Address   as the set's authors read it (`dat2mat.m` of the CAVIAR project, to which their README points):
          bit 0 polarity (0: brighter), bits 1 to 7 the column from the right, bits 8 to 14 the row; bit 15 is
          ignored. SpikingJelly takes (127 - y, x) for this (x, y), a quarter turn: left to right here is top
          to bottom there, which matters to whoever mirrors samples.
Split     the authors give none. Test: recordings 0 to 99 of each class; training: all others.

Figures of other splits do not compare. SpikingJelly's `CIFAR10DVS` knows no split: who builds it once for
training and once for testing tests on the recordings that were trained on (its issue 390: 83 % of the "test"
set at 71 % of the training set). Where a tenth of each class is drawn at random instead, no recording is on both
sides but accuracy is typically lower than on the first hundred (documentation of `CIFAR10DVSTEBNSplit`), which
are those that the experiments of MPE-PSN are tested on.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spikescan.data.cameras import _aedat, _folders
from spikescan.data.vision import Camera, Events, Recording, since_first
from spikescan.errors import InputError

CLASS_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
TESTED = 100  # recordings of each class, by number
_SIDE = 128
_LAYOUT = "CIFAR10-DVS has <class>/cifar10_<class>_<number>.aedat"


def recordings(root: Path) -> dict[str, list[Recording]]:
    """`ROOT/<class>/cifar10_<class>_<number>.aedat`, or the same under tonic's `ROOT/CIFAR10DVS`."""
    root = _folders.base(root, "CIFAR10DVS", holds="CIFAR10-DVS's class folders")
    found: dict[str, list[Recording]] = {"train": [], "test": []}
    for label, name in enumerate(CLASS_NAMES):
        for number, file in _folders.numbered(root / name, f"cifar10_{name}_", ".aedat"):
            found["test" if number < TESTED else "train"].append(Recording(file, label))
    for split, files in found.items():
        if not files:
            converted = any(root.glob("*/*.aedat4"))
            why = "; *.aedat4 are a conversion of them, get the originals" if converted else ""
            raise InputError(f"{root}: holds no {split} recordings; {_LAYOUT}, 0 to {TESTED - 1} for testing{why}")
    return found


def read(file: Path) -> Events:
    """One recording; times since its first event."""
    address, time = _aedat.address_events(file)
    if len(wrong := np.flatnonzero(address >> 16)):
        raise InputError(f"{file}: event {wrong[0]} has address {address[wrong[0]]:#x}, a DVS128 has 16 bits")
    address = address.astype(np.int64)
    return since_first(Events(time, x=_SIDE - 1 - (address >> 1 & 0x7F), y=address >> 8 & 0x7F, p=1 - (address & 1)))


CIFAR10DVS = Camera(sensor=(2, _SIDE, _SIDE), class_names=CLASS_NAMES, recordings=recordings, read=read)
