import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spikescan.data.augment import Coordinates
from spikescan.data.camera_augment import CameraAugmentation, Moves, move
from spikescan.data.event_batches import BatchMaker


def dense(events, steps, rows, sensor):
    picture = np.zeros((steps, rows, *sensor), np.int64)
    np.add.at(picture.reshape(steps, rows, -1), (events.step, events.row, events.channel), 1)
    return picture


def padded_and_cropped(picture, moves, padding):
    """The dense definition: mirror, pad with zeros, cut out the sensor's size again; picture (T, B, P, H, W)."""
    result = np.zeros_like(picture)
    height, width = picture.shape[-2:]
    for row, (down, right, mirrored) in enumerate(zip(*moves, strict=True)):
        one = picture[:, row, :, :, ::-1] if mirrored else picture[:, row]
        one = np.pad(one, [(0, 0), (0, 0), (padding, padding), (padding, padding)])
        top, left = padding - down, padding - right
        result[:, row] = one[..., top : top + height, left : left + width]
    return result


@st.composite
def batches(draw):
    sensor = tuple(draw(st.tuples(st.integers(1, 2), st.integers(1, 6), st.integers(1, 6))))
    rows, steps, size = draw(st.integers(1, 4)), draw(st.integers(1, 3)), draw(st.integers(0, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    events = Coordinates(
        rng.integers(0, steps, size), np.sort(rng.integers(0, rows, size)), rng.integers(0, np.prod(sensor), size)
    )
    return events, steps, rows, sensor, draw(st.integers(0, 7)), draw(st.integers(-(2**63), 2**64 - 1))


@given(batches(), st.sampled_from([0.0, 0.5, 1.0]))
def test_events_equal_the_padded_and_cropped_picture(batch, flip):
    events, steps, rows, sensor, padding, seed = batch
    augment = CameraAugmentation(sensor, padding=padding, flip=flip)
    found = augment(events, np.full(rows, steps), int(np.prod(sensor)), seed)
    expected = padded_and_cropped(dense(events, steps, rows, sensor), augment.draw(rows, seed), padding)
    assert np.array_equal(dense(found, steps, rows, sensor), expected)
    assert np.all(np.diff(found.row) >= 0)


def test_one_event_by_hand():
    """Sensor of 3 rows and 5 columns: on, row 1, column 0; mirrored to column 4, then two to the left, one down."""
    event = Coordinates(*np.array([[7], [0], [15 + 5 + 0]]))
    moved = move(event, (2, 3, 5), Moves(*np.array([[1], [-2], [1]])))
    assert [column.tolist() for column in moved] == [[7], [0], [15 + 10 + 2]]


def test_nothing_asked_for_changes_nothing():
    events = Coordinates(np.arange(9), np.zeros(9, int), np.arange(9))
    same = CameraAugmentation((1, 3, 3), padding=0, flip=0.0)(events, np.array([9]), 9, 3)
    assert all(np.array_equal(a, b) for a, b in zip(same, events, strict=True))


def test_the_share_that_is_dropped():
    events = Coordinates(np.zeros(50_000, int), np.zeros(50_000, int), np.arange(50_000) % 9)
    augment = CameraAugmentation((1, 3, 3), padding=0, flip=0.0, drop=0.3)
    left = augment(events, np.array([1]), 9, 1)
    assert abs(len(left.step) / 50_000 - 0.7) < 0.01
    assert np.array_equal(left.channel, augment(events, np.array([1]), 9, 1).channel)
    assert len(left.step) != len(augment(events, np.array([1]), 9, 2).step)


def test_draws_fill_their_range():
    down, right, mirrored = CameraAugmentation((2, 8, 8)).draw(20_000, 5)
    for shift in (down, right):
        assert np.bincount(shift + 4, minlength=9).min() > 20_000 / 9 * 0.9
        assert (shift.min(), shift.max()) == (-4, 4)
    assert abs(mirrored.mean() - 0.5) < 0.02
    assert abs(np.corrcoef([down, right, mirrored]) - np.eye(3)).max() < 0.03


def test_a_batch_maker_takes_it(make_store):
    events = np.arange(300), np.arange(300) % 32
    augment = CameraAugmentation((2, 4, 4), padding=1, drop=0.1)
    maker = BatchMaker(make_store([events] * 3, sensor=(2, 4, 4)), channels=32, frames=4, augment=augment)
    first, again, other = (maker([0, 1, 2], seed).events.dense() for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert torch.equal(first, pickle.loads(pickle.dumps(maker))([0, 1, 2], 1).events.dense())
    assert not torch.equal(first, other)
    assert maker([0, 1, 2], 1).lengths.tolist() == [4, 4, 4]


def test_pooled_channels_are_no_sensor(make_store):
    store = make_store([([0], [0])])
    maker = BatchMaker(store, channels=32, pool=2, frames=4, augment=CameraAugmentation((2, 4, 4)))
    with pytest.raises(ValueError, match=r"sensor is \(2, 4, 4\), which are not the 16 channels"):
        maker([0])


@pytest.mark.parametrize(
    "values", [{"padding": -1}, {"padding": 1.5}, {"flip": 1.1}, {"flip": float("nan")}, {"drop": 1.0}, {"drop": -0.1}]
)
def test_impossible_values(values):
    with pytest.raises(ValueError, match=next(iter(values))):
        CameraAugmentation((2, 4, 4), **values)
