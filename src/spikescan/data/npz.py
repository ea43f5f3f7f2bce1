"""Own recordings in numpy's .npz files: events, or real-valued data.

============ ===================================================== ==============
array        holds                                                 shape
============ ===================================================== ==============
times        of each event since its sample began                  (E,)
channels     of each event, integers from 0                        (E,)
unit         of `times`: "s" (floats only), "ms", "us" or "ns"     ()
offsets      sample i owns the events offsets[i] : offsets[i + 1]  (n + 1,)
values       real-valued data instead of events, step after step   (S, C)
             (offsets then count steps)
x            or the same, all samples of one length                (n, T, C)
lengths      steps of each sample of `x` (optional)                (n,)
dt           seconds between two steps of `values` or `x`          ()
labels       integers, bools or strings                            (n,)
speakers     integers or strings (optional)                        (n,)
class_names  strings (optional)                                    (classes,)
num_channels of the events (optional)                              ()
============ ===================================================== ==============
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from spikescan.data.arrays import counts_of, from_arrays
from spikescan.data.dataset import Dataset
from spikescan.data.dense_arrays import from_dense
from spikescan.errors import InputError

_BOTH = ("speakers", "class_names")
_EVENTS = {"times", "channels", "offsets", "labels"}
_VALUES = {"values", "offsets", "labels", "dt"}
_X = {"x", "labels", "dt"}


def read(file: Path, class_names: tuple[str, ...] | None = None) -> Dataset:
    """The data set of one file; labels that are strings are numbered as `class_names` has them, where it is given.

    Raises:
        InputError: naming the file, for anything unsound. Nothing in it is executed: pickled arrays are refused.
    """
    arrays = _arrays(file)
    _check_names(file, set(arrays))
    if class_names is not None and "class_names" not in arrays and arrays["labels"].dtype.kind in "SU":
        arrays["class_names"] = np.array(class_names)
    return _made(file, arrays)


def read_unlabelled(file: Path, dt: float | None) -> Dataset:
    """The same of a file whose recordings have no labels yet: one, where there are no `offsets`; `dt` is that of
    real-valued data where the file does not say it. Every label is 0."""
    arrays = _arrays(file)
    for name in ("labels", "speakers", "class_names"):
        arrays.pop(name, None)
    column = arrays.get("times", arrays.get("values"))
    if column is not None:
        arrays.setdefault("offsets", np.array([0, len(column)]))
    samples = len(arrays["offsets"]) - 1 if column is not None else len(arrays.get("x", ()))
    if "times" not in arrays and dt is not None:
        arrays.setdefault("dt", np.array(dt))
    arrays["labels"] = np.zeros(max(samples, 0), np.int64)
    _check_names(file, set(arrays))
    return _made(file, arrays)


def _made(file: Path, arrays: dict[str, Any]) -> Dataset:
    arrays["name"] = str(file)
    try:
        if "times" in arrays:
            return from_arrays(**_scalars(arrays))
        if "values" in arrays:
            arrays["x"] = _cut(arrays.pop("values"), arrays.pop("offsets"))
        return from_dense(**_scalars(arrays))
    except InputError as error:
        raise InputError(f"{file}: {error}") from None


def _scalars(arrays: dict[str, Any]) -> dict[str, Any]:
    """Arrays of one value as that value."""
    return {name: value.item() if getattr(value, "shape", None) == () else value for name, value in arrays.items()}


def _cut(values: np.ndarray, offsets: np.ndarray) -> list[np.ndarray]:
    values = values[:, None] if values.ndim == 1 else values
    counts = counts_of(offsets, len(values), "steps")
    return np.split(values, np.cumsum(counts)[:-1])


def _arrays(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as content, np.load(content, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        raise InputError(f"{file}: no such file") from None
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error, AttributeError) as error:
        raise InputError(f"{file}: no sound .npz file of plain arrays ({error})") from None
    return arrays


def _check_names(file: Path, found: set[str]) -> None:
    wanted, optional = (
        (_EVENTS, {"unit", "num_channels", *_BOTH})
        if "times" in found
        else (_VALUES, {*_BOTH})
        if "values" in found
        else (_X, {"lengths", *_BOTH})
    )
    if "times" not in found and "values" not in found and "x" not in found:
        raise InputError(
            f"{file}: has {', '.join(sorted(found)) or 'nothing'}; events need {', '.join(sorted(_EVENTS))}, "
            f"real-valued data {', '.join(sorted(_VALUES))} or {', '.join(sorted(_X))}"
        )
    if missing := wanted - found:
        raise InputError(f"{file}: lacks {', '.join(sorted(missing))}; it has {', '.join(sorted(found))}")
    if unknown := found - wanted - optional:
        known = ", ".join(sorted(wanted | optional))
        raise InputError(f"{file}: has {', '.join(sorted(unknown))}, which is unknown; known are {known}")
