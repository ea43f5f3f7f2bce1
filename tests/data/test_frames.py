import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikescan.data.event_batches import BatchMaker

SIZES = st.lists(st.integers(0, 70), min_size=1, max_size=5)


def cut(count, frames):
    """SpikingJelly's rule, frame by frame: [first, one past the last) event of each."""
    each = count // frames
    return [(k * each, (k + 1) * each if k < frames - 1 else count) for k in range(frames)]


@given(SIZES, st.integers(1, 20))
def test_frames_of_an_equal_number_of_events(make_store, sizes, frames):
    store = make_store([(np.sort(np.arange(size) % 7), np.arange(size)) for size in sizes])
    batch = BatchMaker(store, frames=frames, frame_by="number", channels=70)(np.arange(len(sizes)))
    assert batch.lengths.tolist() == [frames] * len(sizes)
    picture = batch.events.dense().numpy()
    for row, size in enumerate(sizes):
        if size >= frames:
            expected = np.zeros((frames, 70))
            for k, (start, stop) in enumerate(cut(size, frames)):
                expected[k, start:stop] = 1
        else:  # one event a frame
            expected = np.eye(frames, 70) * (np.arange(frames) < size)[:, None]
        assert np.array_equal(picture[:, row], expected)


def test_time_counts_for_nothing_but_order(make_store):
    samples = [([0, 1, 2, 900_000], [3, 1, 2, 0]), ([5, 6, 7, 8], [3, 1, 2, 0])]
    picture = BatchMaker(make_store(samples), frames=2, frame_by="number", channels=4)([0, 1]).events.dense()
    assert picture[:, 0].tolist() == picture[:, 1].tolist() == [[0, 1, 0, 1], [1, 0, 1, 0]]


def test_an_unknown_way_to_cut(make_store):
    with pytest.raises(ValueError, match="frame_by is 'events', must be 'duration' or 'number'"):
        BatchMaker(make_store([([0], [0])]), frames=2, frame_by="events", channels=1)
