import json
from dataclasses import asdict

import numpy as np
import pytest
from shd_files import write_h5, write_set

from spikescan.data.arrays import from_arrays
from spikescan.data.catalog import load
from spikescan.data.info import describe, overview, steps_in_words
from spikescan.data.statistics import Spread


@pytest.fixture
def found(tmp_path):
    root = write_set(tmp_path / "root")
    times = [[0.2, 0.1], [], [0.5], [0.3, 0.4]]
    write_h5(root / "tiny_test.h5", times, [[1, 2], [], [3], [4, 5]], [0, 1, 1, 2])
    return load("shd", root=root, store=tmp_path / "store")


def test_numbers_of_a_set(found):
    info = describe(found)
    assert (info.name, info.channels, info.classes, info.sensor) == ("shd", 700, 3, None)
    assert info.folder == str(found.folder)
    assert info.bytes == sum(file.stat().st_size for file in found.folder.glob("*/*"))
    train, test = info.splits["train"], info.splits["test"]
    assert (train.samples, train.events) == (12, found.train.store.meta.events)
    assert train.speakers == (0, 1, 2, 3)
    assert train.samples_per_class == (4, 4, 4)
    assert test.speakers is None
    assert (test.events, test.empty, test.unsorted) == (5, 1, 1)
    assert test.events_per_sample == Spread(0, 1.5, 1.25, 2)
    assert test.seconds.maximum == 0.500001
    assert test.seconds.minimum == 0


def test_steps_in_words(found):
    assert steps_in_words({"test": found.test}, 0.1) == "1 to 6 steps per sample (median 4)"
    assert steps_in_words({"test": found.test}, 10.0) == "1 steps per sample"
    longer = from_arrays([[0.1, 998.0]] * 3, [[0, 0]] * 3, [0] * 3)
    assert steps_in_words({"a": found.test, "b": longer}, 0.01) == "1 to 99,801 steps per sample (median 51)"


def test_warnings_are_those_of_the_training_samples(found):
    assert describe(found).warnings == found.train.statistics().warnings
    assert any("channels are never used" in sentence for sentence in describe(found).warnings)


def test_what_is_left_out_is_told(tmp_path):
    root = write_set(tmp_path / "root")
    write_h5(root / "tiny_test.h5", [[0.1]] * 3, [[1]] * 3, [0, 1, 2], speakers=[1.5, 2.5, 3.5])
    (sentence,) = describe(load("shd", root=root, store=tmp_path / "store")).repairs
    assert "tiny_test.h5: extra/speaker: found float64" in sentence
    assert sentence.endswith("extra/speaker is left out")


def test_repairs_are_told(found):
    sorted_, empty = describe(found).repairs
    assert sorted_.endswith("tiny_test.h5: 1 of 4 samples had their events sorted by time")
    assert empty.endswith("tiny_test.h5: 1 of 4 samples have no events and are kept")


def test_everything_can_be_written_as_json(found, tmp_path):
    text = json.dumps([asdict(describe(found)), *map(asdict, overview(tmp_path / "store"))])
    assert json.loads(text)[0]["splits"]["test"]["samples"] == 4


def test_what_the_store_holds(found, tmp_path):
    known = {entry.name: entry for entry in overview(tmp_path / "store")}
    assert list(known)[:6] == ["digits", "events", "audio", "shd", "ssc", "nmnist"]
    assert known["shd"].folders == (str(found.folder),)
    assert known["shd"].bytes == describe(found).bytes
    assert known["ssc"].folders == ()
    assert known["digits"].where == ""
    assert known["cifar10"].where.startswith("cifar-10-binary.tar.gz")


def test_a_store_that_is_not_there(tmp_path):
    assert all(entry.folders == () for entry in overview(tmp_path / "none"))


def test_the_spread_of_nothing():
    assert Spread.of(np.zeros(0)) == Spread(0, 0, 0, 0)
