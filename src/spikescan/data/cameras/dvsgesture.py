"""DVS128 Gesture: 29 people, three kinds of light, eleven gestures (Amir et al. 2017, CVPR, pages 7243-7252).

Two layouts are read, and both keep the authors' split by person (1 to 23 for training, 24 to 29 for testing):

original   `trials_to_train.txt` and `trials_to_test.txt` list the recordings `user01_fluorescent.aedat`
           (AEDAT 3.1); beside each lies `user01_fluorescent_labels.csv` with a line
           class (1 to 11), first µs, µs one past the last, for each gesture. A line is a sample; 1176 + 288.
tonic's    `ibmGestureTrain/user01_fluorescent/0.npy` and `ibmGestureTest/…`: one sample a class and recording,
           rows of x, y, polarity, ms; 1077 + 264 samples. Times are whole milliseconds there.

Times count from a sample's first event. The person is stored, so that one can be held out.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spikescan.data.cameras import _aedat, _folders, _gestures
from spikescan.data.vision import Camera, Events, Recording, since_first
from spikescan.errors import InputError

CLASS_NAMES = (
    "hand clapping",
    "right hand wave",
    "left hand wave",
    "right arm clockwise",
    "right arm counter-clockwise",
    "left arm clockwise",
    "left arm counter-clockwise",
    "arm roll",
    "air drums",
    "air guitar",
    "other gestures",
)
_CUT = {"train": "ibmGestureTrain", "test": "ibmGestureTest"}  # the folders of tonic's layout
_LAYOUTS = f"{_gestures.LISTS['train']} (the original recordings) or {_CUT['train']} (tonic's)"


def recordings(root: Path) -> dict[str, list[Recording]]:
    """The samples of the one layout that is in `root` (or in `root`/DvsGesture or tonic's `root`/DVSGesture)."""
    root = _base(root)
    read = _gestures.trials if _is_original(root) else _samples
    return {split: read(root, split, len(CLASS_NAMES)) for split in _CUT}


def lists(root: Path) -> list[Path]:
    """The text files of the original layout."""
    root = _base(root)
    return [root / name for name in _gestures.LISTS.values()] + sorted(root.glob("*.csv")) if _is_original(root) else []


def read(file: Path) -> Events:
    """An original recording, µs by its own clock, or one of tonic's samples, µs since its first event."""
    return _aedat.polarity_events(file) if file.suffix == ".aedat" else _sample(file)


def _base(root: Path) -> Path:
    root = _folders.base(root, "DvsGesture", "DVSGesture", holds=_LAYOUTS)
    kinds = _is_original(root) + (root / _CUT["train"]).is_dir()
    if kinds != 1:
        found = "both of" if kinds else "neither of"
        raise InputError(f"{root}: holds {found} {_LAYOUTS}; name a folder with one of them")
    return root


def _is_original(root: Path) -> bool:
    return (root / _gestures.LISTS["train"]).is_file()


def _samples(root: Path, split: str, classes: int) -> list[Recording]:
    """Tonic's files, in order of person, light and class."""
    folder = root / _CUT[split]
    found = []
    for path in _folders.classes(folder, f"tonic's DVS128 Gesture has {_CUT['train']} and {_CUT['test']}"):
        subject = _gestures.person(path)
        for file in sorted(path.glob("[!.]*.npy"), key=lambda file: (len(file.name), file.name)):
            if not (file.stem.isascii() and file.stem.isdigit() and int(file.stem) < classes):
                raise InputError(f"{file}: a sample is named by its class, 0 to {classes - 1}")
            found.append(Recording(file, int(file.stem), subject=subject))
    if not found:
        raise InputError(f"{folder}: holds no samples user<number>_<light>/<class>.npy")
    return found


def _sample(file: Path) -> Events:
    try:
        rows = np.lib.format.open_memmap(file, mode="r")  # np.load would also open archives
    except OSError:
        raise
    except Exception as error:  # a damaged header is parsed as Python, and fails in as many ways
        raise InputError(f"{file}: not a whole .npy file of numbers ({error}); fetch it again") from None
    if rows.ndim != 2 or rows.shape[1] != 4 or rows.dtype.kind not in "iuf" or not len(rows):
        raise InputError(f"{file}: shape {rows.shape} of {rows.dtype}, not rows of x, y, polarity, ms; fetch it again")
    columns = rows.astype(np.float64)
    pixels = columns[:, :3]
    if not np.isfinite(columns).all() or (pixels != np.rint(pixels)).any():
        raise InputError(f"{file}: holds a time that is not finite or a pixel that is not whole; fetch it again")
    x, y, p, t = columns.T
    return since_first(Events(*(np.rint(column).astype(np.int64) for column in (t * 1000, x, y, p))))


DVSGESTURE = Camera(sensor=(2, 128, 128), class_names=CLASS_NAMES, recordings=recordings, read=read, lists=lists)
