import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import spikescan as ss
from spikescan.data.arrays import from_arrays
from spikescan.errors import InputError

TIMES = [[0.002, 0.001], [], [0.5]]
CHANNELS = [[3, 1], [], [0]]


def test_what_is_given_is_in_the_store():
    data = from_arrays(TIMES, CHANNELS, [1, 0, 1], name="mine")
    assert (len(data), data.name, data.channels, data.classes, data.class_names) == (3, "mine", 4, 2, ("0", "1"))
    assert [column.tolist() for column in data.sample(0)] == [[1000, 2000], [1, 3]]
    assert [column.tolist() for column in data.sample(1)] == [[], []]
    assert data.labels.tolist() == [1, 0, 1]
    assert (data.store.meta.unsorted, data.store.meta.empty) == (1, 1)
    assert data.store.path is None
    assert not data.ordered_channels


samples = st.lists(st.lists(st.tuples(st.integers(0, 2**31), st.integers(0, 3999)), max_size=8), min_size=1, max_size=6)


@given(samples, st.sampled_from(["us", "ms", "s", "ns"]))
def test_lists_flat_arrays_units_and_tensors_give_the_same(samples, unit):
    times = [np.array([time for time, _ in sample], np.int64) for sample in samples]
    channels = [np.array([channel for _, channel in sample], np.int64) for sample in samples]
    labels = np.arange(len(samples)) % 3
    expected = from_arrays(times, channels, labels, unit="us")
    scale = {"us": 1.0, "ms": 1e-3, "s": 1e-6, "ns": 1e3}[unit]
    offsets = np.cumsum([0, *map(len, times)])
    scaled = [time * scale for time in times]
    flat = [np.concatenate(column) for column in (scaled, channels)]
    for data in (
        from_arrays(scaled, channels, labels, unit=unit),
        from_arrays([torch.from_numpy(time) for time in scaled], channels, torch.from_numpy(labels), unit=unit),
        from_arrays(*flat, labels, offsets=offsets, unit=unit),
    ):
        for column in ("times", "channels", "offsets", "labels"):
            assert np.array_equal(getattr(data.store, column), getattr(expected.store, column))
        assert data.channels == expected.channels == max([0, *np.concatenate(channels)]) + 1


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_integer_times(unit):
    factor = {"ms": 10**3, "us": 1, "ns": 1e-3}[unit]
    data = from_arrays([np.array([5000, 2000])], [[0, 1]], [0], unit=unit)
    assert data.sample(0)[0].tolist() == [2000 * factor, 5000 * factor]


@pytest.mark.parametrize("channels", [3, 24, 700, 4000])
@pytest.mark.parametrize("classes", [2, 100])
def test_any_number_of_channels_and_classes(channels, classes):
    rng = np.random.default_rng(0)
    units = [rng.integers(0, channels, 40) for _ in range(2 * classes)]
    units[0][0] = channels - 1
    times = [rng.uniform(0, 1, 40) for _ in units]
    data = from_arrays(times, units, np.arange(2 * classes) % classes)
    assert (data.channels, data.classes) == (channels, classes)
    batch = next(iter(ss.data.batches(data, 4, dt=10e-3)))
    assert batch.inputs.shape == (100, 4, channels)
    assert batch.dense().sum() == 4 * 40


@pytest.mark.parametrize(
    ("labels", "numbers", "names"),
    [
        ([True, False, True], [1, 0, 1], ("0", "1")),
        (np.array([[2], [0], [1]]), [2, 0, 1], ("0", "1", "2")),
        (["yes", "no", "yes"], [1, 0, 1], ("no", "yes")),
        (np.array([b"b", b"a", b"c"]), [1, 0, 2], ("a", "b", "c")),
        (np.array([["up"], ["down"], ["up"]], object), [1, 0, 1], ("down", "up")),
        (torch.tensor([0, 1, 1]), [0, 1, 1], ("0", "1")),
        (np.array([3, 0, 0], np.uint8), [3, 0, 0], ("0", "1", "2", "3")),
    ],
)
def test_labels_of_every_kind(labels, numbers, names):
    data = from_arrays(TIMES, CHANNELS, labels)
    assert data.labels.tolist() == numbers
    assert data.class_names == names


def test_class_names_and_speakers():
    data = from_arrays(TIMES, CHANNELS, ["b", "a", "b"], class_names=["b", "a", "x"], speakers=["eva", "adam", "eva"])
    assert data.labels.tolist() == [0, 1, 0]
    assert (data.classes, data.class_names) == (3, ("b", "a", "x"))
    assert data.speakers.tolist() == [1, 0, 1]
    assert data.speaker_names == ("adam", "eva")
    rest, held = data.split(speaker="eva")
    assert (rest.indices.tolist(), held.indices.tolist()) == ([1], [0, 2])
    with pytest.raises(InputError, match=r"speaker 'kain' cannot be held out: .* the speakers adam, eva"):
        data.split(speaker="kain")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"times": [[0.1], [0.2]]}, "2 samples of times and 3 of channels"),
        ({"times": [[0.1], [], [0.5]]}, "sample 0: 1 times and 2 channels"),
        ({"times": [[0.1, -0.1], [], [0.5]]}, "sample 0: an event has time -0.1 s, which is negative"),
        ({"times": [[0.1, 0.1], [], [np.nan]]}, "sample 2: an event has time nan s, which is not a finite number"),
        ({"times": [[0.1, 0.1], [], [np.inf]]}, "sample 2: an event has time inf s, which is not a finite number"),
        ({"times": [[0.1, 0.1], [], [4295.0]]}, "sample 2: .*71 minutes"),
        ({"times": [[2**62, 1], [], [1]], "unit": "ms"}, "sample 0: .*71 minutes"),
        ({"times": [[1, 2], [], [3]]}, "times: integers of unit 's'; give unit='ms', 'us' or 'ns', or floats"),
        ({"times": [["a", "b"], [], [0.1]]}, "times of sample 0: found <U1"),
        ({"times": [0.1, 0.2, 0.3]}, "times of sample 0: found float64 of shape ()"),
        ({"times": np.arange(3.0), "channels": np.arange(3)}, "one array each; give a list .* or offsets="),
        ({"channels": [[0, -1], [], [2]]}, "sample 0: an event has channel -1, which is negative"),
        ({"channels": [[0, 1], [], [2.5]]}, "channels: found float64; integers"),
        ({"num_channels": 3}, "sample 0: an event has channel 3 where there are at most 3 channels"),
        ({"num_channels": 0}, "num_channels: 0, must be in 1 to"),
        ({"unit": "min"}, "unit: 'min' is unknown; choose from s, ms, us, ns"),
        ({"labels": [0, 1]}, "labels: 2 of them and 3 samples"),
        ({"labels": [0, -1, 1]}, "sample 1: labels is -1, outside 0 to 65535"),
        ({"labels": [0.0, 1.0, 1.0]}, "labels: found float64; one integer, bool or string a sample"),
        ({"labels": np.zeros((3, 2), int)}, r"labels: shape \(3, 2\) of int64, not one a sample"),
        ({"labels": ["a", 1, None]}, r"sample 1: labels is 1 .int.; strings alone"),
        ({"labels": ["a", "b", "c"], "class_names": ["a", "b"]}, "sample 2: labels is 'c', which is none of a, b"),
        ({"labels": [0, 1, 2], "class_names": ["a", "b"]}, "class_names: 2 names, and the largest label is 2"),
        ({"class_names": ["a", "a"]}, "class_names: the name 'a' occurs twice"),
        ({"speakers": [1]}, "speakers: 1 of them and 3 samples"),
        ({"times": [], "channels": [], "labels": np.zeros(0, int)}, "a data set needs a sample"),
    ],
)
def test_what_does_not_fit_is_named(change, message):
    given = {"times": TIMES, "channels": CHANNELS, "labels": [0, 1, 1]} | change
    with pytest.raises(InputError, match=message.replace("()", r"\(\)")):
        from_arrays(**given)


@pytest.mark.parametrize("offsets", [[0, 2], [1, 2, 2, 3], [0, 2, 1, 3], [0.0, 1.0], []])
def test_offsets_that_do_not_fit(offsets):
    with pytest.raises(InputError, match="offsets"):
        from_arrays([0.1, 0.2, 0.3], [1, 2, 3], [0] * (len(offsets) - 1), offsets=offsets)


def test_a_set_in_memory_travels_to_other_processes():
    data = pickle.loads(pickle.dumps(from_arrays(TIMES, CHANNELS, [1, 0, 1]).subset([2, 0])))
    assert data.labels.tolist() == [1, 1]
    assert data.sample(1)[1].tolist() == [1, 3]
