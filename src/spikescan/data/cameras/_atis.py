"""The 40-bit events of N-MNIST and N-Caltech101 (Orchard et al. 2015, doi:10.3389/fnins.2015.00437).

Bytes: x, y, then polarity (1 bit) and µs (23 bits), highest first. tonic's reader decodes them (Lenz et al.
2021, doi:10.5281/zenodo.5079802), the clock's overflow marks (y = 240) included; it takes a file that was cut
off as whole, so that the size is checked before.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spikescan.data.vision import Events
from spikescan.errors import InputError


def read(file: Path) -> Events:
    """One recording. InputError for an empty file or one that ends inside an event."""
    size = file.stat().st_size
    if not size or size % 5:
        raise InputError(f"{file}: {size} bytes, a recording has 5 for each event and at least one; fetch it again")
    columns = np.dtype([(name, np.int64) for name in "xytp"])
    events = _tonic().read_mnist_file(str(file), dtype=columns)
    return Events(*(events[name] for name in Events._fields))


def _tonic():
    try:
        from tonic import io
    except ImportError as error:
        raise InputError(
            f"event-camera recordings are read by tonic ({error}): pip install 'spikescan[vision]'"
        ) from None
    return io
