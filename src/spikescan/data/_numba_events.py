"""Each event as often as a scaled image shows it, in one pass; with arrays alone it would take a dozen."""

import numpy as np
from numba import njit

from spikescan.scan._lanes import compiled


@njit(error_model="numpy")
def outside(places, row, start, number):
    """Whether any of the places, numbered from start[row] on, is not its row's. Nothing is left early: that would take
    longer where all is well."""
    sizes, wrong = np.append(start[1:], number) - start, False
    for e in range(len(places)):
        wrong |= np.uint64(places[e]) >= np.uint64(sizes[row[e]])  # as which a negative one is large
    return wrong


@compiled(parallel=False, nogil=True, error_model="numpy")
def show(step, row, channel, time_first, time_number, time_start, channel_first, channel_number, channel_start):
    """(step, row, channel) of all copies, int64 (3, n). Event e of step t goes to the time_number[k] steps from
    time_first[k] on, k = time_start[row[e]] + t, and so with channels. One thread: workers may be forks."""
    if len(row) and (row.min() < 0 or row.max() >= len(time_start)):
        raise IndexError("an event of no sample")
    if outside(step, row, time_start, len(time_number)):
        raise IndexError("an event at a step that its sample does not have")
    if outside(channel, row, channel_start, len(channel_number)):
        raise IndexError("an event on a channel that is not there")
    total = 0
    for e in range(len(step)):
        along = time_number[time_start[row[e]] + step[e]]
        total += along * channel_number[channel_start[row[e]] + channel[e]]
    out, place = np.empty((3, total), np.int64), 0
    for e in range(len(step)):
        time, across = time_start[row[e]] + step[e], channel_start[row[e]] + channel[e]
        for later in range(time_number[time]):
            for further in range(channel_number[across]):
                out[0, place], out[1, place] = time_first[time] + later, row[e]
                out[2, place] = channel_first[across] + further
                place += 1
    return out
