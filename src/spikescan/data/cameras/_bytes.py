"""The formats that are read here, written: for recordings that are generated, and for tests of the readers.

Every function takes equally long columns of integers, `t` in µs, `x`, `y` in pixels and `p` 1 for brighter, and
returns what a camera's file would hold.
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import ArrayLike

HEADER_2 = b"#!AER-DAT2.0\r\n# This is a raw AE data file - do not edit\r\n# created Thu May 04 2017\r\n"
HEADER_3 = b"#!AER-DAT3.1\r\n#Format: RAW\r\n#Source 1: DVS128\r\n#!END-HEADER\r\n"


def columns(*values: ArrayLike) -> list[np.ndarray]:
    return [np.asarray(column, np.int64) for column in values]


def atis_bytes(t: ArrayLike, x: ArrayLike, y: ArrayLike, p: ArrayLike) -> bytes:
    """N-MNIST's and N-Caltech101's 40 bits an event: x, y, then polarity and 23 bits of time, highest first."""
    t, x, y, p = columns(t, x, y, p)
    rows = [x, y, (p << 7) | (t >> 16), (t >> 8) & 255, t & 255]
    return np.stack(rows, axis=1).astype(np.uint8).tobytes()


def aedat2_bytes(t: ArrayLike, x: ArrayLike, y: ArrayLike, p: ArrayLike, header: bytes = HEADER_2) -> bytes:
    """AEDAT 2.0 of a DVS128: x is stored from the right, polarity as 0 for brighter."""
    t, x, y, p = columns(t, x, y, p)
    address = (y << 8) | ((127 - x) << 1) | (1 - p)
    return header + np.stack([address, t % 2**32], axis=1).astype(">u4").tobytes()


def packet(
    t: ArrayLike,
    x: ArrayLike,
    y: ArrayLike,
    p: ArrayLike,
    *,
    overflow: int = 0,
    spare: int = 0,
    kind: int = 1,
    size: int = 8,
) -> bytes:
    """One packet of AEDAT 3.1 with room for `spare` events more."""
    t, x, y, p = columns(t, x, y, p)
    address = (x << 17) | (y << 2) | (p << 1) | 1
    head = struct.pack("<HHIIIIII", kind, 1, size, 4, overflow, len(t) + spare, len(t), len(t))
    return head + np.stack([address, t], axis=1).astype("<u4").tobytes() + b"\xff" * (8 * spare)


def aedat3_bytes(*packets: bytes, header: bytes = HEADER_3) -> bytes:
    return header + b"".join(packets)
