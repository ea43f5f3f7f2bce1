import re

import numpy as np
import pytest
from shd_files import spikes

from spikescan.data.arrays import from_arrays
from spikescan.data.dense_arrays import from_dense
from spikescan.data.statistics import Spread


def some(samples=20, labels=None, scale=1.0, channels=24, **options):
    times, units = spikes(samples, channels, mean=200)
    labels = np.arange(samples) % 4 if labels is None else labels
    return from_arrays([time * scale for time in times], units, labels, **options)


def test_numbers():
    found = from_arrays(
        [[0.1, 0.2], [], [0.5]], [[0, 2], [], [2]], ["a", "b", "a"], class_names=["a", "b", "c"]
    ).statistics()
    assert (found.samples, found.events, found.empty, found.channels, found.channels_used) == (3, 3, 1, 3, 2)
    assert found.seconds == Spread(0, 0.200001, pytest.approx(0.700002 / 3), 0.500001)
    assert found.events_per_sample == Spread(0, 1, 1, 2)
    assert found.samples_per_class == (2, 1, 0)
    assert found.suggested_dt == 0.005
    assert found.steps_per_sample == Spread(1, 41, pytest.approx(143 / 3), 101)


def test_nothing_odd():
    assert some().statistics().warnings == ()


@pytest.mark.parametrize(
    ("scale", "unit", "words"),
    [
        (1e3, "s", r"lasts 8\d\d.* s: if its times are in milliseconds, it lasts 0.8"),
        (1e3, "s", "check their unit"),
        (4e3, "s", "if its times are in milliseconds"),
        (1e-6, "s", "µs only; check the unit"),
    ],
)
def test_times_in_another_unit(scale, unit, words):
    (found,) = some(scale=scale, unit=unit).statistics().warnings
    assert re.search(words, found)


def test_a_few_long_recordings():
    data = from_arrays([[0.1, 1.0]] * 5 + [[0.1, 61.0]], [[0, 1]] * 6, [0, 1] * 3)
    assert data.statistics().warnings == ("1 of 6 recordings last over a minute, the longest 61 s",)


def test_rates_that_are_far_too_low():
    data = from_arrays([[10.0, 50.0]] * 4, [[0, 1]] * 4, [0, 1] * 2)
    (found,) = data.statistics().warnings
    assert "has 0.04 events per second: if its times are in milliseconds, it lasts 0.05 s" in found


def test_channels_that_are_never_used():
    found = some(channels=5, num_channels=20).statistics()
    assert found.channels_used == 5
    assert found.warnings == ("15 of 20 channels are never used: 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, …",)


def test_classes_without_samples_and_unbalanced_ones():
    labels = np.array([0] * 18 + [2, 2])
    assert some(labels=labels).statistics().warnings == ("1 of 3 classes have no sample: 1; check the labels",)
    named = some(labels=np.array([0] * 19 + [2]), class_names=["a", "b", "c"]).statistics()
    assert named.warnings[1] == "classes are strongly unbalanced: 19 samples of a, 1 of c"


def test_real_valued_data():
    x = np.random.default_rng(0).normal(size=(6, 30, 3))
    x[..., 1] = 0
    found = from_dense(x, [0, 1] * 3, dt=0.01).statistics()
    assert (found.events, found.empty, found.channels_used, found.suggested_dt) == (0, 0, 2, 0.01)
    assert found.seconds.median == 0.3
    assert found.warnings == ("1 of 3 channels are never used: 1",)
    (slow,) = from_dense(x[..., :1], [0, 1] * 3, dt=10.0).statistics().warnings
    assert "lasts 300 s" in slow


def test_as_text():
    text = str(some(channels=5, num_channels=20).statistics())
    assert "20 samples" in text
    assert "5 of 20 used" in text
    assert "s suggested" in text
    assert "warning: 15 of 20 channels" in text
