"""The HDF5 layout of the Spiking Heidelberg Digits (Cramer et al. 2020, doi:10.1109/TNNLS.2020.3044364).

================== ============================================= ========
data set           holds                                         shape
================== ============================================= ========
``spikes/times``   seconds, an array of floats for each sample   (n,)
``spikes/units``   cochlea channel of each spike, integers       (n,)
``labels``         class of each sample: integers or strings     (n,)
``extra/speaker``  who spoke (optional): integers or strings     (n,)
``extra/keys``     names of the classes (optional)               (classes,)
================== ============================================= ========

SHD, SSC and every recording that follows them are read by this one file.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from spikescan.data.dataset import Dataset
from spikescan.data.events import EventStore
from spikescan.data.labels import Coded, coded
from spikescan.data.ragged import Spikes
from spikescan.data.write import Block, Progress, hold_store, joined, write_store
from spikescan.errors import InputError

COCHLEA = 700  # channels of the artificial cochlea, taken where the data do not exceed it
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


class Contents(NamedTuple):
    """What one open file holds."""

    blocks: Iterator[Block]  # to be read while the file is open
    labels: np.ndarray  # (n,) int64
    known: dict[str, Any]  # speakers, names and notes, as a store takes them


def convert(
    file: Path,
    folder: Path,
    channels: int | None = None,
    progress: Progress | None = None,
    class_names: tuple[str, ...] | None = None,
) -> EventStore:
    """Read one HDF5 file into a new store. InputError, naming file and sample, for anything unsound.

    Labels that are strings are numbered in the order of their names, or as `class_names` (of the training file) has
    them.
    """
    with contents(file, channels, progress, class_names) as found:
        return write_store(folder, found.blocks, labels=found.labels, source=str(file), **found.known)


def from_hdf5(
    file: Path | str,
    *,
    num_channels: int | None = None,
    name: str | None = None,
    ordered_channels: bool = False,
    progress: Progress | None = None,
) -> Dataset:
    """The data set of one HDF5 file in the SHD layout, read into memory.

    Args:
        num_channels: input channels; None: the largest + 1.
        name: of the set, in titles and messages; None: the file's.
        ordered_channels: whether neighbouring channels are alike, as a cochlea's are.
        progress: called with (what, samples done, samples in all).

    Raises:
        InputError: naming file and sample, for anything unsound.
    """
    file = Path(file).expanduser()
    with contents(file, num_channels, progress) as found:
        known = found.known | {"channels": num_channels, "ordered_channels": ordered_channels}
        store = hold_store(joined(found.blocks), labels=found.labels, source=str(file), **known)
    return Dataset.of(store, name=name or file.stem)


@contextmanager
def contents(
    file: Path,
    channels: int | None = None,
    progress: Progress | None = None,
    class_names: tuple[str, ...] | None = None,
) -> Iterator[Contents]:
    """What `file` holds, checked, while it is open."""
    with opened(file) as source:
        try:
            yield _contents(file, source, channels, progress, class_names)
        except (OSError, RuntimeError, KeyError) as error:  # as h5py meets them in a file with wrong bytes
            raise InputError(f"{file}: damaged HDF5 file ({error}); fetch it again") from None


def _contents(
    file: Path, source: h5py.File, channels: int | None, progress: Progress | None, names: tuple[str, ...] | None
) -> Contents:
    labels, named = _coded(file, _required(file, source, "labels"), names)
    times, units = (ragged(file, source, name) for name in ("times", "units"))
    _check_sizes(file, {"spikes/times": len(times), "spikes/units": len(units), "labels": len(labels)})
    speakers, left_out = _speakers(file, source, len(labels))
    keys, unusable = (named, []) if named else _class_names(source, labels)
    known = {
        "speakers": None if speakers is None else speakers.numbers,
        "speaker_names": None if speakers is None else speakers.names,
        "class_names": keys,
        "notes": (*left_out, *unusable),
    }
    return Contents(Spikes(file, times, units, channels, progress).blocks(), labels, known)


def opened(file: Path) -> h5py.File:
    """The file, open for reading. InputError, which tells permission, lock and damage apart."""
    try:
        with file.open("rb"):  # says what h5py says of everything that is wrong in one way
            pass
    except FileNotFoundError:
        raise InputError(f"{file}: no such file") from None
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror or error}); check its permissions") from None
    try:
        return h5py.File(file, "r")
    except OSError as error:
        raise InputError(f"{file}: {_why_not_opened(error)}") from None


def _why_not_opened(error: OSError) -> str:
    text = str(error)
    if "lock file" in text and error.errno not in (errno.EAGAIN, errno.EACCES):
        return f"cannot be locked here ({text}); set HDF5_USE_FILE_LOCKING=FALSE on a file system without locks"
    if "lock file" in text or "open for write" in text:
        return "another program has it open for writing; close it there (or wait until it has finished) and try again"
    return f"not a whole HDF5 file ({text}); fetch it again"


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


def _coded(file: Path, dataset: h5py.Dataset, names: tuple[str, ...] | None = None) -> Coded:
    name = (dataset.name or "").removeprefix("/")
    try:
        return coded(dataset[()], name, names)
    except InputError as error:
        raise InputError(f"{file}: {error}") from None


def _speakers(file: Path, source: h5py.File, samples: int) -> tuple[Coded | None, list[str]]:
    """Who spoke, where the file says so in a way that can be used; else a sentence that says why not."""
    if (dataset := _dataset(source, "extra/speaker")) is None:
        return None, []
    try:
        found = _coded(file, dataset)
    except InputError as error:
        return None, [f"{error}; extra/speaker is left out"]
    if len(found.numbers) != samples:
        return None, [f"{file}: {len(found.numbers)} speakers for {samples} samples; extra/speaker is left out"]
    return found, []


def _check_sizes(file: Path, sizes: dict[str, int]) -> None:
    if len(set(sizes.values())) > 1:
        found = ", ".join(f"{name} {size}" for name, size in sizes.items())
        raise InputError(f"{file}: data sets of different length ({found}); each has one entry a sample")
    if not sizes["labels"]:
        raise InputError(f"{file}: holds no samples")


def _class_names(source: h5py.File, labels: np.ndarray) -> tuple[tuple[str, ...] | None, list[str]]:
    """The names in extra/keys, where they can be used; else a sentence that says why not."""
    keys: Any = _dataset(source, "extra/keys")
    if keys is None:
        return None, []
    if keys.ndim != 1 or keys.dtype.kind not in "SO" or len(keys) <= labels.max(initial=0):
        found = f"{source.filename}: extra/keys has shape {keys.shape} of {keys.dtype}"
        return None, [f"{found}, not a name for each of {labels.max(initial=0) + 1} classes; it is left out"]
    return tuple(key.decode("utf-8", "replace") if isinstance(key, bytes) else str(key) for key in keys[:]), []
