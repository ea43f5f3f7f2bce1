"""Recipes small enough for a test, on tiny sets."""

from pathlib import Path

import pytest
from nmnist_files import write_set
from speech_files import CHANNELS

from spikescan.training import recipe_files

SMALL = {
    "data.name": "shd",
    "data.channels": CHANNELS,
    "data.pool": 1,
    "network.hidden": [12, 8],
    "training.batch_size": 8,
    "training.epochs": 2,
    "training.device": "cpu",
}
SMALL_CAMERA = {
    "data.name": "nmnist",
    "data.frames": 4,
    "network.plan": [4, "max", 6, "max"],
    "network.hidden": [],
    "network.size": 16,
    "network.dropout": 0.1,
    "training.batch_size": 8,
    "training.epochs": 2,
    "training.device": "cpu",
}


@pytest.fixture(scope="session")
def recipe(speech: Path):
    """Makes a small recipe on the tiny set, with changes by dotted key."""

    def make(name: str = "shd", **changes):
        changes = {key.replace("__", "."): value for key, value in changes.items()}
        return recipe_files.load(name, SMALL | {"data.root": str(speech)} | changes)

    return make


@pytest.fixture(scope="session")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a set in N-MNIST's layout; beside it, ``store`` takes what is converted."""
    pytest.importorskip("tonic")
    return write_set(tmp_path_factory.mktemp("camera"))


@pytest.fixture(scope="session")
def camera_recipe(camera: Path):
    """Makes a small convolutional recipe on the tiny camera set, with changes by dotted key."""

    def make(**changes):
        changes = {key.replace("__", "."): value for key, value in changes.items()}
        return recipe_files.load("nmnist", SMALL_CAMERA | {"data.root": str(camera)} | changes)

    return make
