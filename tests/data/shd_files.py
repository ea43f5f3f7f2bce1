"""Files in the SHD layout, sound or spoiled, and where the real recordings are."""

from pathlib import Path

import h5py
import numpy as np
import pytest

RECORDINGS = Path(__file__).parents[3] / "shared" / "data"


def real(name):
    """The folder of a real data set; skips the test where it is absent."""
    folder = RECORDINGS / name
    if not folder.is_dir():
        pytest.skip(f"no recordings in {folder}")
    return folder


def spikes(samples, channels=700, seed=0, mean=30):
    """(times in s, units), a list of arrays each."""
    rng = np.random.default_rng(seed)
    counts = rng.poisson(mean, samples) + 1
    times = [np.sort(rng.uniform(0, 0.9, count)).astype(np.float32) for count in counts]
    return times, [rng.integers(0, channels, count) for count in counts]


def write_h5(file, times, units, labels, *, speakers=None, keys=None, time_type=np.float32, unit_type=np.int64):
    """One file; `labels` may be of any length and kind."""
    with h5py.File(file, "w") as out:
        for name, values, kind in (("times", times, time_type), ("units", units, unit_type)):
            column = out.create_dataset(f"spikes/{name}", (len(values),), h5py.vlen_dtype(np.dtype(kind)))
            for index, value in enumerate(values):
                column[index] = value
        out["labels"] = labels
        if speakers is not None:
            out["extra/speaker"] = speakers
        if keys is not None:
            out["extra/keys"] = np.array(keys, "S")
    return file


def write_set(folder, train=12, test=6, classes=3, **options):
    """A sound pair of files."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed, (split, samples) in enumerate({"train": train, "test": test}.items()):
        times, units = spikes(samples, seed=seed)
        labels = np.arange(samples) % classes
        write_h5(folder / f"tiny_{split}.h5", times, units, labels, speakers=np.arange(samples) // 3, **options)
    return folder
