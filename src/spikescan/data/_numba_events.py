"""Events as a scaled image shows them, in one pass; with arrays alone it would take a dozen."""

import numpy as np
from numba import njit

from spikescan.scan._lanes import compiled

ONE, TWO, THREE = (np.uintp(n) for n in (1, 2, 3))  # unsigned: no test for places from the end


@njit(error_model="numpy")
def nearest_source(place, size, factor):
    """The source bin that output bin `place` shows: floor((place - c) / f + c + 1/2), c = (size - 1) / 2."""
    centre = (size - 1) / 2
    return int(np.floor((place - centre) / factor + centre + 0.5))


@compiled(parallel=False, nogil=True, error_model="numpy")
def targets(sizes, factor, shift):
    """Where the source bins of one axis go: (first output bin, number of output bins, start of each row). Row i has
    sizes[i] >= 0 bins; the rows lie one after the other, row i from start[i] on, and the last entry is where all end.
    """
    start = np.zeros(len(sizes) + 1, np.int64)
    start[1:] = np.cumsum(sizes)
    first, number = np.empty(start[-1], np.int64), np.zeros(start[-1], np.int64)
    for i in range(len(sizes)):
        size, origin, next_place = sizes[i], start[i], 0
        for place in range(size):
            source = nearest_source(place - shift[i], size, factor[i])
            if source < 0:
                next_place += 1
            elif source < size:
                number[origin + source] += 1
        # The outputs of a row show sources in rising order, behind those that show what lies before the first bin.
        for source in range(origin, origin + size):
            first[source] = next_place
            next_place += number[source]
    return first, number, start


@njit(forceinline=True)
def put(out, place, step, row, channel):
    out[0, place], out[1, place], out[2, place] = step, row, channel


@compiled(parallel=False, nogil=True, error_model="numpy")
def show(step, row, channel, time_first, time_number, time_start, channel_first, channel_number, channel_start):
    """(step, row, channel) of all copies, int32 (3, n). Event e of step t goes to the time_number[k] steps from
    time_first[k] on, k = time_start[row[e]] + t, and so with channels. One thread: workers may be forks."""
    total = 0
    for e in range(len(step)):
        # A negative number is a large one without its sign.
        if np.uint64(row[e]) >= np.uint64(len(time_start) - 1):
            raise IndexError("an event of no sample")
        r = np.uintp(row[e])
        time, across, behind = time_start[r], channel_start[r], r + ONE
        if np.uint64(step[e]) >= np.uint64(time_start[behind] - time):
            raise IndexError("an event at a step that its sample does not have")
        if np.uint64(channel[e]) >= np.uint64(channel_start[behind] - across):
            raise IndexError("an event on a channel that is not there")
        total += time_number[time + step[e]] * channel_number[across + channel[e]]
    # The processor does not guess well how many copies there are. So four are always written, and those of the next
    # event overwrite what is too much of them; only where there may be more is there a branch.
    out, place = np.empty((3, total + 4), np.int32), np.uintp(0)
    for e in range(len(step)):
        r = np.uintp(row[e])
        time, across = np.uintp(time_start[r] + step[e]), np.uintp(channel_start[r] + channel[e])
        t, c, later, further = time_first[time], channel_first[across], time_number[time], channel_number[across]
        if later <= 2 and further <= 2:
            both = np.int64(further == 2)
            put(out, place, t, r, c)
            put(out, place + ONE, t + 1 - both, r, c + both)
            put(out, place + TWO, t + 1, r, c)
            put(out, place + THREE, t + 1, r, c + 1)
            place += np.uintp(later * further)
        else:
            for when in range(later):
                for where in range(further):
                    put(out, place, t + when, r, c + where)
                    place += ONE
    return out[:, :total]
