import json
import pickle

import numpy as np
import pytest

from spikescan.data.events import VERSION, open_store
from spikescan.errors import InputError

SAMPLES = [([0, 5, 5, 900], [3, 1, 2, 0]), ([], []), ([7], [699])]


@pytest.fixture
def store(make_store):
    return make_store(SAMPLES, [1, 0, 2], speakers=np.array([4, 5, 4]))


def test_what_was_written_is_read(store):
    assert len(store) == 3
    for index, (times, channels) in enumerate(SAMPLES):
        found = store.sample(index)
        assert found[0].tolist() == times
        assert found[1].tolist() == channels
    assert store.times.dtype == store.channels.dtype == np.uint32
    assert store.labels.tolist() == [1, 0, 2]
    assert store.speakers.tolist() == [4, 5, 4]
    assert store.durations.tolist() == [901, 0, 8]
    assert store.counts.tolist() == [4, 0, 1]
    assert (store.meta.largest_channel, store.meta.empty, store.meta.unsorted) == (699, 1, 0)


def test_the_arrays_are_mapped_and_read_only(store):
    assert isinstance(store.times, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        store.times[0] = 1


def test_a_pickle_holds_the_path_and_no_events(make_store):
    store = make_store([(range(100_000), [0] * 100_000)])
    text = pickle.dumps(store)
    assert len(text) < 1000
    assert np.array_equal(pickle.loads(text).times, store.times)


def test_a_store_of_samples_without_any_event(make_store):
    store = make_store([([], []), ([], [])])
    assert store.durations.tolist() == [0, 0]
    assert store.meta.largest_channel == -1


def test_speakers_may_be_unknown(make_store):
    assert make_store(SAMPLES).speakers is None


FILES = ["times.npy", "channels.npy", "offsets.npy", "labels.npy", "speakers.npy", "meta.json"]


@pytest.mark.parametrize("name", FILES)
def test_a_shortened_file_is_named(store, name):
    file = store.path / name
    file.write_bytes(file.read_bytes()[:-1])
    if name == "meta.json":  # its last byte is a line's end
        file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(InputError, match=f"{name}: damaged event store"):
        open_store(store.path)


@pytest.mark.parametrize("name", FILES)
def test_an_emptied_file_is_named(store, name):
    (store.path / name).write_bytes(b"")
    with pytest.raises(InputError, match=f"{name}: damaged event store"):
        open_store(store.path)


@pytest.mark.parametrize("name", FILES[:4])
def test_a_lengthened_file_is_named(store, name):
    with (store.path / name).open("ab") as file:
        file.write(b"\0\0\0\0\0\0\0\0")
    with pytest.raises(InputError, match=f"{name}: damaged event store"):
        open_store(store.path)


@pytest.mark.parametrize("name", FILES[:4])
def test_a_missing_file_is_named(store, name):
    (store.path / name).unlink()
    with pytest.raises(InputError, match=f"{name}: damaged.*missing"):
        open_store(store.path)


def test_a_folder_of_something_else_is_no_store(tmp_path):
    with pytest.raises(InputError, match="not an event store"):
        open_store(tmp_path)


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("times", np.zeros(5, np.int64)),
        ("channels", np.zeros((5, 1), np.uint32)),
        ("times", np.zeros(4, np.uint32)),
        ("labels", np.zeros(4, np.int64)),
        ("labels", np.array([0, -1, 2])),
        ("speakers", np.zeros(2, np.int64)),
        ("offsets", np.array([0, 4, 3, 5])),
        ("offsets", np.array([0, 4, 4, 4])),
        ("offsets", np.array([1, 4, 4, 5])),
        ("offsets", np.array([0, 4, 5])),
    ],
)
def test_arrays_that_do_not_fit_are_named(store, name, array):
    np.save(store.path / f"{name}.npy", array)
    with pytest.raises(InputError, match=f"{name}.npy: damaged event store"):
        open_store(store.path)


def test_pickled_objects_are_never_loaded(store):
    np.save(store.path / "labels.npy", np.array([{}, {}, {}], object), allow_pickle=True)
    with pytest.raises(InputError, match=r"labels.npy: damaged"):
        open_store(store.path)


@pytest.mark.parametrize("begin", [b"PK\x03\x04", b"\x93NUMPY\x01\x00v\x00" + b"(" * 20])
def test_a_file_with_another_beginning_is_named(store, begin):
    file = store.path / "labels.npy"
    file.write_bytes(begin + file.read_bytes()[len(begin) :])
    with pytest.raises(InputError, match=r"labels.npy: damaged"):
        open_store(store.path)


@pytest.mark.parametrize("change", [{"version": VERSION + 1}, {"events": "5"}, {"more": 1}, {"events": 4}])
def test_another_meta_is_refused(store, change):
    file = store.path / "meta.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(InputError, match="damaged event store"):
        open_store(store.path)
