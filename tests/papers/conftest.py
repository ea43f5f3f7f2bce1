"""Tiny recordings in SHD layout, and what makes a whole experiment small enough for a test."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from spikescan.papers import recordings, training_runs
from spikescan.papers.experiment import Options
from spikescan.papers.progress import Display
from spikescan.papers.runner import Site

CLASSES, CHANNELS = 3, 12
TINY = {
    "data.pool": 35,
    "data.dt": 5e-3,
    "network.hidden": [6],
    "network.outputs": CLASSES,
    "training.epochs": 1,
    "training.batch_size": 16,
}


def write_split(file: Path, samples: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = np.arange(samples) % CLASSES
    with h5py.File(file, "w") as out:
        for name, kind in (("times", np.float32), ("units", np.int64)):
            out.create_dataset(f"spikes/{name}", (samples,), h5py.vlen_dtype(np.dtype(kind)))
        for index, label in enumerate(labels):
            out["spikes/times"][index] = np.sort(rng.uniform(0, 0.1, 30)).astype(np.float32)
            out["spikes/units"][index] = 200 * label + rng.integers(0, 200, 30)
        out["labels"] = labels


@pytest.fixture(scope="session")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in SHD layout that is not SHD."""
    folder = tmp_path_factory.mktemp("speech")
    write_split(folder / "tiny_train.h5", 24, 0)
    write_split(folder / "tiny_test.h5", 9, 1)
    return folder


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every training run in a fraction of a second, without pictures of its own."""
    monkeypatch.setattr("spikescan.training.pictures.of_run", lambda *arguments, **options: [])
    load = training_runs.recipe_files.load
    monkeypatch.setattr(training_runs.recipe_files, "load", lambda name, changes=None: load(name, small(changes or {})))


def small(changes):
    kept = {key: value for key, value in TINY.items() if key != "network.hidden" or key not in changes}
    return dict(changes) | kept


@pytest.fixture
def options(speech: Path, store: Path) -> Options:
    found = recordings.choose("shd", root=None, data=speech, store=store, quick=False)
    return Options(seeds=1, quick=False, device="cpu", recordings=found)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "out", None, "cpu")


@pytest.fixture
def display():
    with Display(1, 0) as shown:
        yield shown
