"""A tiny set in SHD layout: four classes that spike on channels of their own, learned in a few steps."""

from pathlib import Path

import h5py
import numpy as np

CLASSES, CHANNELS = 4, 20


def write_split(file: Path, samples: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = np.arange(samples) % CLASSES
    counts = rng.integers(20, 60, samples)
    times = [np.sort(rng.uniform(0, 0.05 + 0.05 * rng.random(), count)).astype(np.float32) for count in counts]
    units = [label * 5 + rng.integers(0, 5, count) for label, count in zip(labels, counts, strict=True)]
    with h5py.File(file, "w") as out:
        for name, values, kind in (("times", times, np.float32), ("units", units, np.int64)):
            column = out.create_dataset(f"spikes/{name}", (samples,), h5py.vlen_dtype(np.dtype(kind)))
            for index, value in enumerate(values):
                column[index] = value
        out["labels"] = labels
        out["extra/speaker"] = (np.arange(samples) // CLASSES) % 3
