"""Files as event cameras write them, byte by byte, and the events that they hold."""

import numpy as np

from spikescan.data.cameras._bytes import HEADER_2, HEADER_3, aedat2_bytes, aedat3_bytes, atis_bytes, packet

__all__ = ["HEADER_2", "HEADER_3", "aedat2_bytes", "aedat3_bytes", "atis_bytes", "channels", "packet", "some_events"]


def some_events(count, side=128, seed=0, last=1_000_000):
    """(t, x, y, p) of so many events in order of time, from 0 to `last` µs."""
    rng = np.random.default_rng(seed)
    t = np.sort(rng.integers(0, last, count))
    t[0], t[-1] = 0, last
    return t, *rng.integers(0, side, (2, count)), rng.integers(0, 2, count)


def channels(x, y, p, height=128, width=128):
    return [(int(c) * height + int(b)) * width + int(a) for a, b, c in zip(x, y, p, strict=True)]
