"""Event data from arrays in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from spikescan.data import labels as labelling
from spikescan.data.dataset import Dataset
from spikescan.data.write import Block, hold_store
from spikescan.errors import InputError

Unit = Literal["s", "ms", "us", "ns"]
PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
LATEST = 2**32  # µs: 71 minutes
MOST = 2**24  # channels; nobody has an ear or an eye with more, but an array of something else may say so


def from_arrays(
    times: Any,
    channels: Any,
    labels: Any,
    *,
    unit: Unit = "s",
    offsets: ArrayLike | None = None,
    num_channels: int | None = None,
    speakers: Any = None,
    class_names: Sequence[str] | None = None,
    name: str = "arrays",
    ordered_channels: bool = False,
) -> Dataset:
    """A data set of events, kept in memory.

    Args:
        times: of each event since its sample began: a list with one array for each sample, or with `offsets` one array
            of all of them, sample after sample. Times that are not sorted are sorted. They are kept to the microsecond.
        channels: of each event, integers from 0, laid out like `times`.
        labels: one for each sample, (n,) or (n, 1): integers from 0, bools, or strings (which become class names, in
            order).
        unit: of `times`; integers need one that says so ("ms", "us", "ns").
        offsets: (n + 1,); sample i owns the events offsets[i] : offsets[i + 1].
        num_channels: input channels; None: the largest + 1.
        speakers: who was recorded, integers or strings, one for each sample.
        class_names: one for each class, in the order of the integer labels; string labels must be among them.
        name: of the set, in titles and messages.
        ordered_channels: whether neighbouring channels are alike (a cochlea's frequencies): augmentation may then shift
            samples along them.

    Raises:
        InputError: for anything that does not fit, naming the argument, the sample and what was found.
    """
    block = _checked(*_joined(times, channels, offsets), unit, num_channels)
    number, known = described(labels, speakers, class_names, len(block.counts))
    known |= {"channels": num_channels, "ordered_channels": ordered_channels}
    return Dataset.of(hold_store(block, labels=number, source=name, **known), name=name)


def described(labels: Any, speakers: Any, class_names: Any, samples: int) -> tuple[np.ndarray, dict[str, Any]]:
    """(labels (n,) int64, speakers and names for a store) of so many samples, checked."""
    names = None if class_names is None else labelling.class_names(class_names, 0)
    number, found = labelling.coded(labels, "labels", names)
    names = names or found
    if names is not None:
        labelling.class_names(names, int(number.max(initial=-1)) + 1)
    person, person_names = (None, None) if speakers is None else labelling.coded(speakers, "speakers")
    for what, column in (("labels", number), ("speakers", person)):
        if column is not None and len(column) != samples:
            raise InputError(f"{what}: {len(column)} of them and {samples} samples")
    if not samples:
        raise InputError("labels: a data set needs a sample")
    return number, {"speakers": person, "class_names": names, "speaker_names": person_names}


def _joined(times: Any, channels: Any, offsets: ArrayLike | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(times (E,), channels (E,), events of each sample (n,)) of lists, or of flat arrays."""
    if offsets is not None:
        flat = [_axis(column, what) for column, what in ((times, "times"), (channels, "channels"))]
        if len(flat[0]) != len(flat[1]):
            raise InputError(f"times and channels: {len(flat[0])} times and {len(flat[1])} channels")
        return flat[0], flat[1], counts_of(offsets, len(flat[0]), "events")
    if any(isinstance(part, np.ndarray) and part.ndim == 1 and part.dtype != object for part in (times, channels)):
        raise InputError("times and channels: one array each; give a list with an array a sample, or offsets=")
    lists = [
        [_axis(sample, f"{what} of sample {index}") for index, sample in enumerate(column)]
        for column, what in ((times, "times"), (channels, "channels"))
    ]
    if len(lists[0]) != len(lists[1]):
        raise InputError(f"times and channels: {len(lists[0])} samples of times and {len(lists[1])} of channels")
    for index, (time, channel) in enumerate(zip(*lists, strict=True)):
        if len(time) != len(channel):
            raise InputError(f"sample {index}: {len(time)} times and {len(channel)} channels")
    counts = np.array([len(time) for time in lists[0]], np.int64)
    return _concatenated(lists[0]), _concatenated(lists[1]), counts


def counts_of(offsets: ArrayLike, total: int, of: str) -> np.ndarray:
    """The number of events (or steps) of each sample, (n,); `offsets` must rise from 0 to `total`."""
    ends = _axis(offsets, "offsets")
    if not len(ends) or ends.dtype.kind not in "iu":
        raise InputError(f"offsets: found {ends.dtype} of shape {ends.shape}; n + 1 integers are needed")
    ends = ends.astype(np.int64)
    if ends[0] != 0 or ends[-1] != total or np.any(np.diff(ends) < 0):
        raise InputError(f"offsets: from {ends[0]} to {ends[-1]}; they must rise from 0 to the {total} {of}")
    return np.diff(ends)


def _axis(values: Any, what: str) -> np.ndarray:
    column = labelling.as_array(values, what)
    if column.ndim != 1 or column.dtype.kind not in "iufb":
        raise InputError(f"{what}: found {column.dtype} of shape {column.shape}, not one axis of numbers")
    return column


def _concatenated(samples: list[np.ndarray]) -> np.ndarray:
    filled = [sample for sample in samples if len(sample)]  # an empty list is of floats, whatever it was to hold
    return np.concatenate(filled) if filled else np.zeros(0, np.int64)


def _checked(times: np.ndarray, channels: np.ndarray, counts: np.ndarray, unit: str, most: int | None) -> Block:
    """The block of whole microseconds. InputError, naming the sample, for an event that cannot be."""
    if unit not in PER_SECOND:
        raise InputError(f"unit: {unit!r} is unknown; choose from {', '.join(PER_SECOND)}")
    if len(channels) and channels.dtype.kind not in "iu":
        raise InputError(f"channels: found {channels.dtype}; integers from 0 are needed")
    if len(times) and times.dtype.kind not in "f" and unit == "s":
        raise InputError("times: integers of unit 's'; give unit='ms', 'us' or 'ns', or floats of seconds")
    if most is not None and not 1 <= most <= MOST:
        raise InputError(f"num_channels: {most}, must be in 1 to {MOST}")
    limit = most or MOST
    micro = np.rint(times.astype(np.float64) * (1e6 / PER_SECOND[unit]))
    for what, values, wrong in (
        (f"time {{}} {unit}, which is not a finite number", times, ~np.isfinite(micro)),
        (f"time {{}} {unit}, which is negative", times, times < 0),
        (f"time {{}} {unit}: recordings may last 71 minutes (32 bits of µs)", times, micro >= LATEST),
        ("channel {}, which is negative", channels, channels < 0),
        (f"channel {{}} where there are at most {limit} channels", channels, channels >= limit),
    ):
        if len(events := np.flatnonzero(wrong)):
            sample = np.searchsorted(np.cumsum(counts), events[0], side="right")
            raise InputError(f"sample {sample}: an event has {what.format(values[events[0]])}")
    return Block(micro.astype(np.int64), channels.astype(np.int64), counts)
