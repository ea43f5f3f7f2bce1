"""The definition of scaled and shifted events: what the kernels equal, and what runs where there are none."""

import numpy as np

from spikescan.data.augment import Axis, Coordinates, ragged_arange


def nearest_source(place: np.ndarray, size: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """The source bin that output bin `place` shows: floor((place - c) / f + c + 1/2), c = (size - 1) / 2."""
    centre = (size - 1) / 2
    return np.floor((place - centre) / factor + centre + 0.5)


def targets(sizes: np.ndarray, factor: np.ndarray, shift: np.ndarray) -> Axis:
    """Where the source bins of one axis go; row i has sizes[i] >= 0 of them."""
    start = np.append(0, np.cumsum(sizes))
    row, place = ragged_arange(sizes)
    source = nearest_source(place - shift[row], sizes[row], factor[row])
    inside = (source >= 0) & (source < sizes[row])
    number = np.bincount(start[row[inside]] + source[inside].astype(np.int64), minlength=start[-1])
    # The outputs of a row show sources in rising order, behind those that show what lies before the first bin.
    before = np.bincount(row[source < 0], minlength=len(sizes))
    shown = np.append(0, np.cumsum(number))
    return Axis(start, before[row] + shown[:-1] - shown[start[row]], number)


def show(events: Coordinates, time: Axis, channels: Axis) -> Coordinates:
    """The copies of all events, int32: each goes to the steps and the channels where its bins go.

    Raises IndexError for events outside their sample: what augmentation came before is not known here.
    """
    step, row, channel = events
    if not _inside(row, len(time.start) - 1):
        raise IndexError("an event of no sample")
    if not _inside(step, np.diff(time.start)[row]):
        raise IndexError("an event at a step that its sample does not have")
    if not _inside(channel, np.diff(channels.start)[row]):
        raise IndexError("an event on a channel that is not there")
    when, where = time.start[row] + step, channels.start[row] + channel
    across = channels.number[where]
    event, copy = ragged_arange(time.number[when] * across)
    columns = (
        time.first[when][event] + copy // across[event],
        row[event],
        channels.first[where][event] + copy % across[event],
    )
    return Coordinates(*(column.astype(np.int32) for column in columns))


def _inside(place: np.ndarray, size: np.ndarray | int) -> bool:
    return bool(((place >= 0) & (place < size)).all())
