"""Folders of a user's own recordings, in every layout."""

import numpy as np
import pytest
from shd_files import spikes, write_h5, write_set

from spikescan.data.arrays import from_arrays
from spikescan.data.catalog import load
from spikescan.data.dense_arrays import from_dense
from spikescan.data.info import describe
from spikescan.errors import InputError


@pytest.fixture
def store(tmp_path):
    return tmp_path / "store"


def write_npz(file, samples=12, inputs=24, classes=3, seed=0, **changes):
    file.parent.mkdir(parents=True, exist_ok=True)
    times, units = spikes(samples, inputs, seed)
    arrays = {
        "times": np.concatenate(times),
        "channels": np.concatenate(units),
        "offsets": np.cumsum([0, *map(len, times)]),
        "labels": np.arange(samples) % classes,
    }
    np.savez(file, **{name: array for name, array in (arrays | changes).items() if array is not None})
    return file


def write_dense(file, samples=12, steps=30, channels=3, classes=3, seed=0, **changes):
    file.parent.mkdir(parents=True, exist_ok=True)
    x = np.random.default_rng(seed).normal(size=(samples, steps, channels))
    np.savez(file, **({"x": x, "labels": np.arange(samples) % classes, "dt": 0.01} | changes))
    return file


@pytest.mark.parametrize("channels", [3, 24, 700, 4000])
@pytest.mark.parametrize("layout", ["h5", "npz"])
def test_channels_are_the_largest_and_one_more(tmp_path, store, channels, layout):
    root = tmp_path / "my recordings"
    times, units = spikes(12, channels)
    units[3][0] = channels - 1
    root.mkdir()
    if layout == "h5":
        write_h5(root / "a_train.h5", times, units, np.arange(12) % 3)
        write_h5(root / "a_test.h5", times, units, np.arange(12) % 3)
    else:
        for part in ("train", "test"):
            write_npz(root / f"{part}.npz", times=np.concatenate(times), channels=np.concatenate(units))
    found = load("events", root=root, store=store)
    assert (found.name, found.channels, found.classes) == ("my recordings", channels, 3)
    assert (len(found.train), len(found.test)) == (12, 12)
    assert found.notes == ()
    assert not found.train.ordered_channels
    assert load("events", root=root, store=store, channels=5000).channels == 5000


def test_the_known_sets_keep_their_names_and_an_order_of_channels(tmp_path, store):
    root = write_set(tmp_path / "mine")
    assert (load("shd", root=root, store=store).name, load("events", root=root, store=store).name) == ("shd", "mine")
    assert load("shd", root=root, store=store).train.ordered_channels


@pytest.mark.parametrize("classes", [2, 100])
def test_without_a_test_part_a_fifth_is_held_out(tmp_path, store, classes):
    root = write_npz(tmp_path / "mine" / "train.npz", 5 * classes, classes=classes).parent
    found = load("events", root=root, store=store)
    assert (len(found.train), len(found.test)) == (4 * classes, classes)
    assert found.test.labels.tolist() == sorted(found.test.labels, key=found.test.labels.tolist().index)
    assert set(found.test.labels) == set(range(classes))
    assert set(found.train.indices) | set(found.test.indices) == set(range(5 * classes))
    (note,) = found.notes
    assert f"{classes} of {5 * classes} samples, a fifth of each class drawn with seed 0, are held out" in note
    assert note in describe(found).repairs
    again = load("events", root=root, store=tmp_path / "another store")
    assert np.array_equal(again.test.indices, found.test.indices)


def test_too_few_samples_to_hold_a_fifth_out(tmp_path, store):
    write_npz(tmp_path / "mine" / "train.npz", 3)
    with pytest.raises(InputError, match="3 samples and no test part: a fifth cannot be held out; record more, or add"):
        load("events", root=tmp_path / "mine", store=store)
    assert list(store.iterdir()) == []


def test_known_sets_still_need_their_test_file(tmp_path, store):
    root = write_set(tmp_path / "mine")
    (root / "tiny_test.h5").unlink()
    with pytest.raises(InputError, match=r"needs one file \*test.h5, has 0"):
        load("shd", root=root, store=store)
    assert len(load("events", root=root, store=store).test) == 2


def test_a_validation_part(tmp_path, store):
    for seed, part in enumerate(("train", "test", "valid")):
        write_npz(tmp_path / "mine" / f"{part}.npz", 4 + seed, classes=2, seed=seed)
    found = load("events", root=tmp_path / "mine", store=store)
    assert [len(part) for part in found.parts.values()] == [4, 5, 6]


def test_labels_in_words_mean_the_same_in_every_part(tmp_path, store):
    write_npz(tmp_path / "mine" / "train.npz", 4, labels=np.array(["b", "c", "a", "b"]))
    write_npz(tmp_path / "mine" / "test.npz", 3, labels=np.array(["c", "c", "b"]))
    found = load("events", root=tmp_path / "mine", store=store)
    assert found.class_names == ("a", "b", "c")
    assert found.test.labels.tolist() == [2, 2, 1]
    write_npz(tmp_path / "mine" / "test.npz", 3, labels=np.array(["c", "x", "b"]))
    with pytest.raises(InputError, match=r"test.npz: sample 1: labels is 'x', which is none of a, b, c"):
        load("events", root=tmp_path / "mine", store=store)


def test_parts_that_name_their_classes_differently(tmp_path, store):
    write_npz(tmp_path / "mine" / "train.npz", class_names=np.array(["a", "b", "c"]))
    write_npz(tmp_path / "mine" / "test.npz", class_names=np.array(["a", "c", "b"]))
    with pytest.raises(InputError, match=r"test.npz: classes a, c, b, and the training part has a, b, c"):
        load("events", root=tmp_path / "mine", store=store)


def test_integer_times_need_a_unit(tmp_path, store):
    root = tmp_path / "mine"
    options = {"times": np.arange(1000), "channels": np.arange(1000) % 5, "offsets": np.arange(0, 1001, 100)}
    write_npz(root / "train.npz", 10, **options)
    with pytest.raises(InputError, match=r"train.npz: times: integers of unit 's'; give unit='ms'"):
        load("events", root=root, store=store)
    write_npz(root / "train.npz", 10, unit="ms", **options)
    assert load("events", root=root, store=store).train.durations.max() == 999_001


def test_real_valued_files(tmp_path, store):
    write_dense(tmp_path / "a" / "train.npz")
    found = load("events", root=tmp_path / "a", store=store)
    assert (found.channels, found.classes, len(found.test)) == (3, 3, 2)
    assert found.train.store.dt == 0.01
    assert found.train.sample(0).shape == (30, 3)
    values = np.arange(20.0).reshape(10, 2)
    arrays = {"values": values, "offsets": [0, 4, 5, 10], "labels": [0, 1, 0], "dt": 0.5}
    for part in ("train", "test"):
        (tmp_path / "b").mkdir(exist_ok=True)
        np.savez(tmp_path / "b" / f"{part}.npz", **arrays)
    found = load("events", root=tmp_path / "b", store=store)
    assert [found.train.sample(index).tolist() for index in range(3)] == [
        values[:4].tolist(),
        values[4:5].tolist(),
        values[5:].tolist(),
    ]
    assert load("events", root=tmp_path / "b", store=store, channels=2).channels == 2
    with pytest.raises(InputError, match="2 channels where there are 5"):
        load("events", root=tmp_path / "b", store=store, channels=5)


@pytest.mark.parametrize(
    "make",
    [
        lambda: from_arrays(*spikes(10, 24), np.arange(10) % 3, num_channels=40, class_names=list("abcd"), name="x"),
        lambda: from_dense(
            np.ones((10, 6, 40)), np.arange(10) % 3, class_names=list("abcd"), dt=0.1, name="x", ordered_channels=True
        ),
    ],
)
def test_saved_sets(tmp_path, store, make):
    data = make()
    data.save(tmp_path / "one")
    found = load("events", root=tmp_path / "one", store=store)
    assert (found.name, found.channels, found.classes, found.class_names) == ("one", 40, 4, tuple("abcd"))
    assert found.train.ordered_channels == data.ordered_channels
    train, test = data.split(0.3)
    train.save(tmp_path / "two" / "train")
    test.save(tmp_path / "two" / "test")
    found = load("events", root=tmp_path / "two", store=store)
    assert (len(found.train), len(found.test)) == (7, 3)
    assert found.test.labels.tolist() == test.labels.tolist()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": None}, "lacks labels; it has channels, offsets, times"),
        ({"spam": np.zeros(3)}, "has spam, which is unknown; known are channels, class_names"),
        ({"times": None, "channels": None}, "has labels, offsets; events need channels, labels, offsets, times, real"),
        ({"labels": np.arange(5)}, "labels: 5 of them and 12 samples"),
        ({"labels": np.array([{}] * 12)}, "no sound .npz file of plain arrays .*pickle"),
        ({"offsets": np.arange(3)}, "offsets: from 0 to 2; they must rise from 0 to the"),
        ({"num_channels": 3}, "an event has channel .* where there are at most 3 channels"),
    ],
)
def test_files_with_other_arrays(tmp_path, store, changes, message):
    write_npz(tmp_path / "mine" / "train.npz", **changes)
    with pytest.raises(InputError, match=rf"train.npz: .*{message}"):
        load("events", root=tmp_path / "mine", store=store)
    assert list(store.iterdir()) == []


@pytest.mark.parametrize("keep", [0, 10, 500, -30])
def test_files_that_are_no_npz(tmp_path, store, keep):
    file = write_npz(tmp_path / "mine" / "train.npz")
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(InputError, match=r"train.npz: no sound .npz file"):
        load("events", root=tmp_path / "mine", store=store)


def test_a_folder_that_is_not_clear(tmp_path, store):
    with pytest.raises(InputError, match=r"mine: no such folder; --root names the folder with your recordings"):
        load("events", root=tmp_path / "mine", store=store)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.wav").touch()
    with pytest.raises(InputError, match=r"no training recordings; it needs \*train.h5.*; the folder holds a.wav"):
        load("events", root=tmp_path / "mine", store=store)
    write_npz(tmp_path / "mine" / "train.npz")
    write_set(tmp_path / "mine")
    with pytest.raises(InputError, match=r"has recordings as HDF5 and as npz: keep one"):
        load("events", root=tmp_path / "mine", store=store)
    (tmp_path / "mine" / "train.npz").unlink()
    (tmp_path / "mine" / "b_test.h5").touch()
    with pytest.raises(InputError, match=r"needs one file \*test.h5, has b_test.h5, tiny_test.h5"):
        load("events", root=tmp_path / "mine", store=store)
