"""Whether channels are ordered, told from events: blurred patterns are, and those with shuffled channels are not."""

import numpy as np
import pytest

from spikescan.data.arrays import from_arrays
from spikescan.data.dense_arrays import from_dense
from spikescan.data.order import alike


def blurred(channels, width, samples=120, seed=0, shuffled=False):
    """Events around a few random places of each sample, with a spread of ``width`` channels."""
    rng = np.random.default_rng(seed)
    names = rng.permutation(channels) if shuffled else np.arange(channels)
    found = []
    for _ in range(samples):
        places = rng.uniform(0, channels, 4)
        count = 10 * channels
        events = rng.choice(places, count) + rng.normal(0, width, count)
        found.append(names[np.clip(events, 0, channels - 1).astype(int)])
    times = [np.sort(rng.uniform(0, 1, len(events))) for events in found]
    return from_arrays(times, found, rng.integers(0, 2, samples), num_channels=channels)


@pytest.mark.parametrize("channels", [64, 700])
def test_neighbours_that_are_alike(channels):
    assert alike(blurred(channels, channels / 20))


@pytest.mark.parametrize("channels", [64, 700])
def test_shuffled_channels_are_not_ordered(channels):
    assert not alike(blurred(channels, channels / 20, shuffled=True))


def test_all_channels_alike_are_not_ordered():
    """Louder and softer samples: every pair of channels correlates."""
    rng = np.random.default_rng(0)
    counts = rng.integers(50, 2000, 100)
    channels = [rng.integers(0, 64, count) for count in counts]
    times = [np.sort(rng.uniform(0, 1, count)) for count in counts]
    assert not alike(from_arrays(times, channels, [0, 1] * 50))


def test_what_is_never_ordered():
    assert not alike(blurred(20, 2)), "too few channels to tell"
    assert not alike(from_dense(np.zeros((4, 9, 40)), [0, 1, 0, 1], dt=0.1))
    assert not alike(from_arrays([[], []], [[], []], [0, 1], num_channels=50)), "no events at all"
