"""Whether the channels of some data are ordered: whether neighbours carry nearly the same, as a cochlea's do."""

from __future__ import annotations

import numpy as np

from spikescan.data.dataset import Dataset
from spikescan.data.events import EventStore

LEAST = 32  # channels, below which the rule says no
SAMPLES = 1000  # that are looked at
NEAR, GAP = 0.5, 0.25


def alike(data: Dataset) -> bool:
    """Whether channels next to each other are alike by this rule: over up to 1000 samples, the correlation of their
    counts of events is 0.5 or more (the median over all neighbours), and by 0.25 larger than that of channels a quarter
    of all channels or more apart. False for fewer than 32 channels, and for real-valued data."""
    if not isinstance(data.store, EventStore) or data.channels < LEAST or len(data) < 2:
        return False
    chosen = data.indices[np.linspace(0, len(data) - 1, min(SAMPLES, len(data))).astype(np.int64)]
    counts = np.stack([np.bincount(data.store.sample(k)[1], minlength=data.channels) for k in chosen]).astype(float)
    spread = counts.std(0)
    scaled = (counts - counts.mean(0))[:, spread > 0] / spread[spread > 0]
    channels = scaled.shape[1]
    if channels < LEAST:
        return False
    near = np.median(np.mean(scaled[:, 1:] * scaled[:, :-1], axis=0))
    shift = np.arange(channels // 4, channels - channels // 4)
    far = np.median([np.mean(scaled * np.roll(scaled, k, axis=1)) for k in shift[:: max(len(shift) // 50, 1)]])
    return bool(near >= NEAR and near - far >= GAP)
