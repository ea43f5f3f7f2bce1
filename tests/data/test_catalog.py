import os
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from shd_files import real, spikes, write_h5, write_set

from spikescan.data import catalog, digits, sources
from spikescan.data.catalog import load
from spikescan.errors import InputError


@pytest.fixture
def root(tmp_path):
    return write_set(tmp_path / "root", keys=["null", "eins", "zwei"])


@pytest.fixture
def store(tmp_path):
    return tmp_path / "store"


def test_a_set_is_converted_once(root, store, monkeypatch):
    calls = []
    first = load("shd", root=root, store=store, progress=lambda *call: calls.append(call))
    assert calls == [("tiny_train.h5", 12, 12), ("tiny_test.h5", 6, 6)]
    monkeypatch.setitem(sources.SOURCES, "shd", _without_convert(sources.SOURCES["shd"]))
    second = load("shd", root=str(root), store=str(store))
    assert second.folder == first.folder
    assert np.array_equal(second.test.store.times, first.test.store.times)
    assert [path.name for path in store.iterdir()] == [first.folder.name]


def _without_convert(source):
    return replace(source, convert=None)


def test_what_a_set_knows(root, store):
    found = load("shd", root=root, store=store)
    assert (found.name, found.channels, found.classes, found.sensor) == ("shd", 700, 3, None)
    assert found.class_names == ("null", "eins", "zwei")
    assert found.validation is None
    assert list(found.parts) == ["train", "test"]
    assert (len(found.train), len(found.test)) == (12, 6)


def test_the_authors_validation_file(root, store):
    write_h5(root / "tiny_valid.h5", *spikes(4), np.arange(4) % 3)
    found = load("ssc", root=root, store=store)
    assert len(found.validation) == 4
    assert list(found.parts) == ["train", "test", "validation"]


def test_changed_files_are_converted_again(root, store):
    first = load("shd", root=root, store=store)
    write_h5(root / "tiny_test.h5", *spikes(9, seed=4), np.arange(9) % 3)
    second = load("shd", root=root, store=store)
    assert second.folder != first.folder
    assert len(second.test) == 9


def test_another_reader_version_converts_again(root, store, monkeypatch):
    first = catalog.locate("shd", root=root, store=store)
    source = sources.SOURCES["shd"]
    newer = replace(source, version=source.version + 1)
    monkeypatch.setitem(sources.SOURCES, "shd", newer)
    assert catalog.locate("shd", root=root, store=store) != first


def units_up_to(folder, train, test):
    folder.mkdir()
    for split, unit in (("train", train), ("test", test)):
        write_h5(folder / f"x_{split}.h5", [[0.1], [0.2]], [[3], [unit]], [0, 1])
    return folder


@pytest.mark.parametrize(
    ("train", "test", "asked", "channels"),
    [
        (10, 20, None, 700),
        (699, 5, None, 700),
        (700, 5, None, 701),
        (800, 800, None, 801),
        (10, 20, 21, 21),
        (10, 20, 900, 900),
    ],
)
def test_channels(tmp_path, store, train, test, asked, channels):
    root = units_up_to(tmp_path / "root", train, test)
    assert load("shd", root=root, store=store, channels=asked).channels == channels


@pytest.mark.parametrize(
    ("train", "test", "asked", "message"),
    [
        (10, 700, None, r"x_test.h5: sample 1: unit 700 where there are 700 channels"),
        (800, 801, None, r"x_test.h5: sample 1: unit 801 where there are 801 channels"),
        (20, 10, 20, r"x_train.h5: sample 1: .*unit 20 where there are at most 20 channels"),
        (10, 20, 20, r"x_test.h5: sample 1: .*unit 20 where there are at most 20 channels"),
    ],
)
def test_a_unit_beyond_the_channels(tmp_path, store, train, test, asked, message):
    root = units_up_to(tmp_path / "root", train, test)
    with pytest.raises(InputError, match=message):
        load("shd", root=root, store=store, channels=asked)
    assert list(store.iterdir()) == []


def test_fewer_channels_than_a_converted_set_has(tmp_path, store):
    root = units_up_to(tmp_path / "root", 20, 10)
    load("shd", root=root, store=store)
    with pytest.raises(InputError, match=r"x_train.h5: sample 1: unit 20 where there are 15 channels"):
        load("shd", root=root, store=store, channels=15)


@pytest.mark.parametrize("channels", [0, -3])
def test_no_channels(store, channels):
    with pytest.raises(InputError, match="channels is"):
        load("digits", store=store, channels=channels)


@pytest.mark.parametrize("label", [2, 9])
def test_a_test_label_that_training_lacks(tmp_path, store, label):
    (tmp_path / "root").mkdir()
    write_h5(tmp_path / "root" / r"x_train.h5", *spikes(3), [0, 1, 4])
    write_h5(tmp_path / "root" / r"x_test.h5", *spikes(3), [1, label, 0])
    with pytest.raises(InputError, match=rf"x_test.h5: sample 1: label {label}, which no training sample has"):
        load("shd", root=tmp_path / "root", store=store)
    assert list(store.iterdir()) == []


def test_a_broken_test_file_leaves_no_store(root, store):
    file = root / "tiny_test.h5"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(InputError, match=r"tiny_test.h5: not a whole HDF5 file"):
        load("shd", root=root, store=store)
    assert list(store.iterdir()) == []


def test_a_damaged_store_is_told_and_made_again_once_deleted(root, store):
    folder = load("shd", root=root, store=store).folder / "test"
    assert folder.is_dir()
    file = folder / "channels.npy"
    file.write_bytes(file.read_bytes()[:-3])
    with pytest.raises(InputError, match=r"channels.npy: damaged event store.*delete the folder .*shd-\w+ and"):
        load("shd", root=root, store=store)
    shutil.rmtree(folder.parent)
    assert len(load("shd", root=root, store=store).test) == 6


@pytest.mark.parametrize("missing", ["train", "test"])
def test_a_store_that_lacks_a_split(root, store, missing):
    folder = load("shd", root=root, store=store).folder
    shutil.rmtree(folder / missing)
    with pytest.raises(InputError, match=rf"{missing}/meta.json: not an event store.*delete the folder {folder} and"):
        load("shd", root=root, store=store)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("events", r"--root DIR names the folder with your recordings: \*train.h5 .SHD layout. or train.npz"),
        ("shd", r"get shd_train.h5 and shd_test.h5 from zenkelab.org .*--root DIR"),
        ("ssc", r"get ssc_train.h5.*--root DIR"),
        ("nmnist", r"get Train.zip and Test.zip from garrickorchard.com .*--root DIR"),
        ("dvsgesture", r"get DvsGesture.tar.gz from research.ibm.com.*--root DIR"),
        ("cifar10dvs", r"get airplane.zip to truck.zip .*--root DIR"),
        ("ncaltech101", r"get Caltech101.zip .*--root DIR"),
        ("cifar10", r"`spikescan data fetch cifar10` gets it, or get cifar-10-binary.tar.gz .*--root DIR"),
        ("mnist", "unknown data set 'mnist'; choose from digits, events, audio, shd, ssc, nmnist, dvsgesture"),
    ],
)
def test_sets_that_cannot_be_loaded(store, name, message):
    with pytest.raises(InputError, match=message):
        load(name, store=store)
    assert not store.exists()


def test_a_missing_root(tmp_path, store):
    for name in ("shd", "nmnist"):
        with pytest.raises(InputError, match=r"none: no such folder; --root"):
            load(name, root=tmp_path / "none", store=store)


def test_a_store_that_cannot_be_written(root, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"file/shd-\w+: the event store cannot be written .*--store"):
        load("shd", root=root, store=tmp_path / "file")


def test_the_default_store(monkeypatch, tmp_path, root):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert load("shd", root=root).folder.parent == tmp_path / "cache" / "spikescan"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert catalog.default_store() == tmp_path / ".cache" / "spikescan"


def test_the_built_in_set(store, monkeypatch):
    images = np.zeros((20, 64))
    images[:, 20:40] = 16
    monkeypatch.setattr(digits, "pictures", lambda: (images.reshape(-1, 8, 8), np.arange(20) % 2))
    found = load("digits", store=store)
    assert (found.channels, found.sensor, found.classes) == (512, digits.SENSOR, 2)
    assert found.class_names == ("zero", "one")
    assert (len(found.train), len(found.test)) == (16, 4)
    with pytest.raises(InputError, match="channels is 100, but the sensor"):
        load("digits", store=store, channels=100)


def test_two_processes_at_once(root, store):
    code = (
        "import sys, time; from spikescan.data.catalog import load; "
        "s = load('shd', root=sys.argv[1], store=sys.argv[2], progress=lambda *_: time.sleep(0.5)); print(s.folder)"
    )
    command = [sys.executable, "-c", code, str(root), str(store)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) for _ in range(2)]
    folders = {process.communicate()[0] for process in both}
    assert [process.returncode for process in both] == [0, 0]
    assert len(folders) == 1
    assert [path.name for path in store.iterdir()] == [load("shd", root=root, store=store).folder.name]


def test_event_cameras(store):
    pytest.importorskip("tonic")
    found = load("nmnist", root=real("nmnist"), store=store)
    assert (len(found.train), len(found.test)) == (1000, 100)
    assert (found.channels, found.classes, found.sensor) == (2312, 10, (2, 34, 34))
    assert found.class_names[9] == "nine"
