"""What users give as labels and speakers, as numbers from 0 with a name for each."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from spikescan.errors import InputError

LARGEST = 2**16 - 1  # label or speaker; a larger one is a damaged or a foreign file


class Coded(NamedTuple):
    """A number for each sample, and what the numbers stand for."""

    numbers: np.ndarray  # (n,) int64, 0 to LARGEST
    names: tuple[str, ...] | None  # None: they stand for themselves


def coded(values: Any, what: str, names: tuple[str, ...] | None = None) -> Coded:
    """Integers, bools or strings, (n,) or (n, 1), as numbers.

    Strings become numbers in the order of their names, or as `names` numbers them.

    Raises:
        InputError: for anything else, naming `what`, the sample and what was found.
    """
    column = _column(values, what)
    if column.dtype.kind in "SUO":
        return _named(_text(column, what), what, names)
    if column.dtype.kind not in "iub":
        raise InputError(f"{what}: found {column.dtype}; one integer, bool or string a sample is needed")
    numbers = column.astype(np.int64)
    if len(wrong := np.flatnonzero((numbers < 0) | (numbers > LARGEST))):
        raise InputError(f"sample {wrong[0]}: {what} is {column[wrong[0]]}, outside 0 to {LARGEST}")
    return Coded(numbers, None)


def class_names(given: Any, classes: int, what: str = "class_names") -> tuple[str, ...]:
    """`given` as names, at least one for each of so many classes. InputError for too few, or the same name twice."""
    names = tuple(_text(_column(given, what), what).tolist())
    if len(names) < classes:
        raise InputError(f"{what}: {len(names)} names, and the largest label is {classes - 1}; one a class is needed")
    _refuse_twins(names, what)
    return names


def as_array(values: Any, what: str) -> np.ndarray:
    """`values` as numpy has them. InputError for nested lists of different lengths."""
    try:
        return np.asarray(values)
    except ValueError as error:
        raise InputError(f"{what}: no array ({error})") from None


def _column(values: Any, what: str) -> np.ndarray:
    column = as_array(values, what)
    if column.ndim == 2 and column.shape[1] == 1:
        column = column[:, 0]
    if column.ndim != 1:
        raise InputError(f"{what}: shape {column.shape} of {column.dtype}, not one a sample, (n,) or (n, 1)")
    return column


def _text(column: np.ndarray, what: str) -> np.ndarray:
    """The strings of a column; bytes are UTF-8."""
    found = []
    for index, value in enumerate(column.tolist()):
        if isinstance(value, bytes):
            value = value.decode("utf-8", "replace")
        if not isinstance(value, str):
            kind = type(value).__name__
            raise InputError(
                f"sample {index}: {what} is {value!r} ({kind}); strings alone, or integers alone, are needed"
            )
        found.append(value)
    return np.array(found, dtype=object)


def _named(column: np.ndarray, what: str, names: tuple[str, ...] | None) -> Coded:
    if names is None:
        names = tuple(sorted(set(column.tolist())))
    _refuse_twins(names, what)
    number = {name: index for index, name in enumerate(names)}
    for index, value in enumerate(column.tolist()):
        if value not in number:
            shown = ", ".join(names[:10]) + (", …" if len(names) > 10 else "")
            raise InputError(f"sample {index}: {what} is {value!r}, which is none of {shown}")
    return Coded(np.array([number[value] for value in column.tolist()], np.int64), names)


def _refuse_twins(names: tuple[str, ...], what: str) -> None:
    if twins := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise InputError(f"{what}: the name {twins[0]!r} occurs twice")
