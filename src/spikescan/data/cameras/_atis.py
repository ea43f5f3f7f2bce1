"""The 40-bit events of N-MNIST and N-Caltech101 (Orchard et al. 2015, doi:10.3389/fnins.2015.00437).

Bytes: x, y, then polarity (1 bit) and µs (23 bits), highest first. An entry with y = 240 is no event: it marks an
overflow of the clock, and what follows is 2^13 µs later than it says.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spikescan.data.vision import Events
from spikescan.errors import InputError

_OVERFLOW, _LATER = 240, 2**13


def read(file: Path) -> Events:
    """One recording. InputError for an empty file or one that ends inside an event."""
    content = np.fromfile(file, np.uint8)
    if not len(content) or len(content) % 5:
        raise InputError(
            f"{file}: {len(content)} bytes, a recording has 5 for each event and at least one; fetch it again"
        )
    x, y, high, middle, low = content.reshape(-1, 5).T.astype(np.int64)
    mark = y == _OVERFLOW
    t = ((high & 0x7F) << 16 | middle << 8 | low) + _LATER * np.cumsum(mark)
    return Events(*(column[~mark] for column in (t, x, y, high >> 7)))
