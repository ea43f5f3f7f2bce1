"""Finished runs on recordings small enough for a test, whose data are gone."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from speech_files import write_split

import spikescan as ss
from spikescan.training import recipe_files, run

SMALL = {
    "data.name": "shd",
    "data.tail": 0.0,
    "neuron.name": "spsn-gs",
    "network.delays": None,
    "data.channels": 20,
    "data.pool": 2,
    "network.hidden": [12, 8],
    "training.batch_size": 8,
    "training.epochs": 2,
    "training.device": "cpu",
}


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory):
    """Trains with changes by dotted key, once for the same changes; gives the run's folder. The data are removed."""
    kept: dict[str, Path] = {}

    def make(**changes) -> Path:
        named = {key.replace("__", "."): value for key, value in changes.items()}
        if (key := repr(sorted(named.items()))) not in kept:
            folder = tmp_path_factory.mktemp("run")
            data = folder / "data"
            data.mkdir()
            write_split(data / "tiny_train.h5", 44, 0)
            write_split(data / "tiny_test.h5", 12, 1)
            recipe = recipe_files.load("shd", SMALL | {"data.root": str(data)} | named)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("spikescan.training.pictures.of_run", lambda *arguments, **options: [])
                stuff = run.prepare(recipe, folder / "out", store=folder / "store")
                run.train(stuff, folder / "out", say=str)
            shutil.rmtree(data)
            shutil.rmtree(folder / "store")
            kept[key] = folder / "out"
        return kept[key]

    return make


@pytest.fixture(scope="session")
def events() -> tuple[np.ndarray, np.ndarray]:
    """(seconds, channels) of one recording, with a silence in its middle."""
    generator = np.random.default_rng(5)
    times = np.sort(np.concatenate([generator.uniform(0, 0.2, 150), generator.uniform(0.55, 0.7, 100)]))
    return np.rint(times * 1e6) / 1e6, generator.integers(0, 20, len(times))


@pytest.fixture
def model(trained) -> ss.inference.Model:
    return ss.load(trained())
