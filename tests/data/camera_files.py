"""Files as event cameras write them, byte by byte, and the events that they hold."""

import struct

import numpy as np

HEADER_2 = b"#!AER-DAT2.0\r\n# This is a raw AE data file - do not edit\r\n# created Thu May 04 2017\r\n"
HEADER_3 = b"#!AER-DAT3.1\r\n#Format: RAW\r\n#Source 1: DVS128\r\n#!END-HEADER\r\n"


def columns(*values):
    return [np.asarray(column, np.int64) for column in values]


def atis_bytes(t, x, y, p):
    """N-MNIST's and N-Caltech101's 40 bits an event: x, y, then polarity and 23 bits of time, highest first."""
    t, x, y, p = columns(t, x, y, p)
    rows = [x, y, (p << 7) | (t >> 16), (t >> 8) & 255, t & 255]
    return np.stack(rows, axis=1).astype(np.uint8).tobytes()


def aedat2_bytes(t, x, y, p, header=HEADER_2):
    """AEDAT 2.0 of a DVS128: x is stored from the right, polarity as 0 for brighter."""
    t, x, y, p = columns(t, x, y, p)
    address = (y << 8) | ((127 - x) << 1) | (1 - p)
    return header + np.stack([address, t % 2**32], axis=1).astype(">u4").tobytes()


def packet(t, x, y, p, *, overflow=0, spare=0, kind=1, size=8):
    """One packet of AEDAT 3.1 with room for `spare` events more."""
    t, x, y, p = columns(t, x, y, p)
    address = (x << 17) | (y << 2) | (p << 1) | 1
    head = struct.pack("<HHIIIIII", kind, 1, size, 4, overflow, len(t) + spare, len(t), len(t))
    return head + np.stack([address, t], axis=1).astype("<u4").tobytes() + b"\xff" * (8 * spare)


def aedat3_bytes(*packets, header=HEADER_3):
    return header + b"".join(packets)


def some_events(count, side=128, seed=0, last=1_000_000):
    """(t, x, y, p) of so many events in order of time, from 0 to `last` µs."""
    rng = np.random.default_rng(seed)
    t = np.sort(rng.integers(0, last, count))
    t[0], t[-1] = 0, last
    return t, *rng.integers(0, side, (2, count)), rng.integers(0, 2, count)


def channels(x, y, p, height=128, width=128):
    return [(int(c) * height + int(b)) * width + int(a) for a, b, c in zip(x, y, p, strict=True)]
