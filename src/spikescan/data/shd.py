"""The HDF5 layout of the Spiking Heidelberg Digits (Cramer et al. 2020, doi:10.1109/TNNLS.2020.3044364).

================== ============================================= ========
data set           holds                                         shape
================== ============================================= ========
``spikes/times``   seconds, an array of floats for each sample   (n,)
``spikes/units``   cochlea channel of each spike, integers       (n,)
``labels``         class of each sample                          (n,)
``extra/speaker``  who spoke (optional)                          (n,)
``extra/keys``     names of the classes (optional)               (classes,)
================== ============================================= ========

SHD, SSC and every recording that follows them are read by this one file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from spikescan.data.events import EventStore
from spikescan.data.ragged import Spikes
from spikescan.data.write import Progress, write_store
from spikescan.errors import InputError

COCHLEA = 700  # channels of the artificial cochlea, taken where the data do not exceed it
_LARGEST = 2**16 - 1  # label or speaker; a larger one is a damaged or a foreign file
_LAYOUT = "the SHD layout has spikes/times (seconds), spikes/units and labels"


def find_files(root: Path) -> dict[str, Path]:
    """The files of a folder by split: exactly one `*train.h5` and `*test.h5`, at most one `*valid.h5`."""
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; --root names the folder with *train.h5 and *test.h5")
    found = {split: sorted(root.glob(f"*{split}.h5")) for split in ("train", "test", "valid")}
    for split, files in found.items():
        if len(files) > 1 or (not files and split != "valid"):
            listing = ", ".join(sorted(path.name for path in root.iterdir())[:20]) or "nothing"
            raise InputError(f"{root}: needs one file *{split}.h5, has {len(files)}; the folder holds {listing}")
    return {split: files[0] for split, files in found.items() if files}


def convert(file: Path, folder: Path, channels: int | None = None, progress: Progress | None = None) -> EventStore:
    """Read one HDF5 file into a new store. InputError, naming file and sample, for anything unsound."""
    with opened(file) as source:
        try:
            return _convert(file, source, folder, channels, progress)
        except (OSError, RuntimeError, KeyError) as error:  # as h5py meets them in a file with wrong bytes
            raise InputError(f"{file}: damaged HDF5 file ({error}); fetch it again") from None


def _convert(
    file: Path, source: h5py.File, folder: Path, channels: int | None, progress: Progress | None
) -> EventStore:
    labels = _integers(file, source, "labels")
    speakers = _integers(file, source, "extra/speaker") if _dataset(source, "extra/speaker") else None
    times, units = (ragged(file, source, name) for name in ("times", "units"))
    sizes = {"spikes/times": len(times), "spikes/units": len(units), "labels": len(labels)}
    _check_sizes(file, sizes if speakers is None else sizes | {"extra/speaker": len(speakers)})
    return write_store(
        folder,
        Spikes(file, times, units, channels, progress).blocks(),
        labels=labels,
        speakers=speakers,
        source=str(file),
        class_names=_class_names(source, labels),
    )


def opened(file: Path) -> h5py.File:
    try:
        return h5py.File(file, "r")
    except FileNotFoundError:
        raise InputError(f"{file}: no such file") from None
    except OSError as error:
        raise InputError(f"{file}: not a whole HDF5 file ({error}); fetch it again") from None


def _dataset(source: h5py.File, name: str) -> h5py.Dataset | None:
    found = source.get(name)
    return found if isinstance(found, h5py.Dataset) else None


def _required(file: Path, source: h5py.File, name: str) -> h5py.Dataset:
    if (found := _dataset(source, name)) is None:
        raise InputError(f"{file}: no data set {name}; {_LAYOUT}, this file has {', '.join(source) or 'nothing'}")
    return found


def ragged(file: Path, source: h5py.File, name: str) -> h5py.Dataset:
    dataset = _required(file, source, f"spikes/{name}")
    held, kinds = h5py.check_vlen_dtype(dataset.dtype), "f" if name == "times" else "iu"
    if dataset.ndim != 1 or not isinstance(held, np.dtype) or held.kind not in kinds:
        wanted = "floats" if name == "times" else "integers"
        raise InputError(
            f"{file}: {dataset.name} has shape {dataset.shape} of {held or dataset.dtype}, "
            f"not an array of {wanted} for each sample; {_LAYOUT}"
        )
    if not held.isnative:  # h5py 3.16 hands out the bytes as they lie in the file
        raise InputError(f"{file}: {dataset.name} is in the other byte order ({held.str}), which h5py misreads")
    return dataset


def _integers(file: Path, source: h5py.File, name: str) -> np.ndarray:
    dataset = _required(file, source, name)
    if dataset.ndim != 1 or dataset.dtype.kind not in "iu":
        raise InputError(f"{file}: {name} has shape {dataset.shape} of {dataset.dtype}, not one integer a sample")
    values = dataset[:].astype(np.int64)
    if len(wrong := np.flatnonzero((values < 0) | (values > _LARGEST))):
        found = f"{name} is {values[wrong[0]]}, outside 0 to {_LARGEST}"
        raise InputError(f"{file}: sample {wrong[0]}: {found}")
    return values


def _check_sizes(file: Path, sizes: dict[str, int]) -> None:
    if len(set(sizes.values())) > 1:
        found = ", ".join(f"{name} {size}" for name, size in sizes.items())
        raise InputError(f"{file}: data sets of different length ({found}); each has one entry a sample")
    if not sizes["labels"]:
        raise InputError(f"{file}: holds no samples")


def _class_names(source: h5py.File, labels: np.ndarray) -> tuple[str, ...] | None:
    keys: Any = _dataset(source, "extra/keys")
    if keys is None or keys.ndim != 1 or keys.dtype.kind not in "SO" or len(keys) <= labels.max(initial=0):
        return None
    return tuple(key.decode("utf-8", "replace") if isinstance(key, bytes) else str(key) for key in keys[:])
