"""A user's own recordings, from a folder to a finished run."""

import json

import numpy as np
import pytest

from spikescan.data.arrays import from_arrays
from spikescan.data.dense_arrays import from_dense
from spikescan.errors import InputError
from spikescan.training import recipe_files, run
from spikescan.training.build import material

SMALL = {
    "data.name": "events",
    "network.hidden": [12],
    "training.batch_size": 8,
    "training.epochs": 1,
    "training.device": "cpu",
    "protocol.validation": 0.2,
}


def write_events(root):
    rng, labels = np.random.default_rng(0), np.arange(40) % 2
    times = [np.sort(rng.uniform(0, 0.2, 30)) for _ in labels]
    channels = [3 * label + rng.integers(0, 3, 30) for label in labels]
    from_arrays(times, channels, np.array(["no", "yes"])[labels]).save(root)


def write_values(root):
    rng, labels = np.random.default_rng(0), np.arange(40) % 2
    x = [rng.normal(size=(rng.integers(15, 25), 3)) + label for label in labels]
    from_dense(x, np.array(["no", "yes"])[labels], dt=0.01).save(root)


def recipe(root, **changes):
    changes = {key.replace("__", "."): value for key, value in changes.items()}
    return recipe_files.load("digits", SMALL | {"data.root": str(root)} | changes)


@pytest.mark.parametrize("write", [write_events, write_values])
@pytest.mark.parametrize("changes", [{}, {"data__frames": 5}, {"data__pool": 2, "training__mixup": 1.0}])
def test_a_run(tmp_path, no_pictures, write, changes):
    write(tmp_path / "mine")
    said = []
    chosen = recipe(tmp_path / "mine", **changes)
    stuff = run.prepare(chosen, tmp_path / "run", store=tmp_path / "store")
    summary = run.train(stuff, tmp_path / "run", say=said.append)
    assert any("held out for testing" in sentence for sentence in said)
    assert summary["samples"] == {"train": 26, "test": 8, "validation": 6}
    assert np.isfinite(json.loads((tmp_path / "run" / "metrics.json").read_text())["test_loss"])
    assert stuff.answers == ("no", "yes")
    assert (stuff.dataset.name, stuff.inputs) == ("mine", -(-stuff.dataset.channels // chosen.data.pool))


def test_the_picture_of_a_sample(tmp_path):
    from spikescan.training import pictures

    write_values(tmp_path / "mine")
    stuff = material(recipe(tmp_path / "mine").resolved(), tmp_path / "store")
    figure = pictures.raster(stuff, stuff.network(), "a test")
    (image,) = figure.axes[0].images
    first = stuff.splits["test"].sample(0)
    np.testing.assert_array_equal(image.get_array(), first.T)
    assert figure.axes[0].get_title() == "Input"


def test_values_are_not_augmented(tmp_path):
    write_values(tmp_path / "mine")
    stuff = material(recipe(tmp_path / "mine"), tmp_path / "store")
    with pytest.raises(InputError, match="data set mine: real-valued data; augmentation moves events, leave it out"):
        stuff.maker("train", augment=True)


def test_a_bin_that_does_not_fit_the_values(tmp_path):
    write_values(tmp_path / "mine")
    with pytest.raises(InputError, match=r"dt is 0.015 s and the data have a value every 0.01 s"):
        material(recipe(tmp_path / "mine", data__dt=0.015), tmp_path / "store").maker("train")
