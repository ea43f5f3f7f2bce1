import numpy as np
import pytest
from data_oracles import scaled_image
from hypothesis import given, settings
from hypothesis import strategies as st

from spikescan import native
from spikescan.data import _native_events, _reference_events
from spikescan.data.augment import Augmentation, Coordinates, ragged_arange, scale_shift

MISSING = {"native": None, "reference": "no kernels"}


@pytest.fixture(params=MISSING)
def kernels(request, monkeypatch):
    """Where there are none, numpy does their work."""
    monkeypatch.setattr(native, "missing", lambda: MISSING[request.param])


both = pytest.mark.usefixtures("kernels")


def coordinates(images):
    """Events of images (T_i, C), one for each count, in order of row and time."""
    rows = [[*np.nonzero(image), np.full(np.count_nonzero(image), row)] for row, image in enumerate(images)]
    step, channel, row = (np.concatenate(column) for column in zip(*rows, strict=True))
    counts = np.concatenate([image[image > 0] for image in images])
    return Coordinates(*(np.repeat(column, counts).astype(np.int64) for column in (step, row, channel)))


def images_of(events, lengths, channels):
    images = [np.zeros((length, channels), np.int64) for length in lengths]
    for step, row, channel in zip(*events, strict=True):
        images[row][step, channel] += 1
    return images


@st.composite
def batches(draw):
    channels = draw(st.integers(1, 9))
    lengths = draw(st.lists(st.integers(1, 12), min_size=1, max_size=4))
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    images = [generator.poisson(draw(st.sampled_from([0.0, 0.2, 1.5])), (length, channels)) for length in lengths]
    factors = st.one_of(st.floats(0.2, 3), st.sampled_from([0.5, 0.7, 1.0, 1.3, 2.0, 1 / 3]))
    factor = draw(st.lists(factors, min_size=len(lengths), max_size=len(lengths)))
    shift = draw(st.lists(st.integers(-10, 10), min_size=len(lengths), max_size=len(lengths)))
    return images, np.array(factor), np.array(shift)


@both
@settings(max_examples=300, deadline=None)
@given(batches())
def test_events_equal_the_image(batch):
    images, factor, shift = batch
    lengths, channels = np.array([len(image) for image in images]), images[0].shape[1]
    found = images_of(scale_shift(coordinates(images), lengths, channels, factor, shift), lengths, channels)
    for image, result, f, s in zip(images, found, factor, shift, strict=True):
        assert np.array_equal(result, scaled_image(image, f, s))


@given(batches())
def test_kernels_equal_the_definition(batch):
    """In the order of events as well; rows and channels have factors of their own."""
    images, factor, shift = batch
    events = coordinates(images)
    mixed = np.random.default_rng(len(events.step)).permutation(len(events.step))
    events = Coordinates(*(column[mixed] for column in events))
    lengths, channels = np.array([len(image) for image in images]), np.full(len(images), images[0].shape[1])
    axes = []
    for kernels in _native_events, _reference_events:
        axes.append((kernels.targets(lengths, factor, 0 * shift), kernels.targets(channels, factor[::-1], shift)))
    for found, expected in zip(*axes, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))
    found, expected = (kernels.show(events, *axes[0]) for kernels in (_native_events, _reference_events))
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == b.dtype == np.int32
        assert np.array_equal(a, b)


@both
@pytest.mark.parametrize("factor", [0.7, 0.93, 1.0, 1.11, 1.3])
@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (40, 1), (41, 30)])
def test_published_ranges(factor, shape):
    image = np.random.default_rng(0).poisson(0.5, shape)
    events = scale_shift(coordinates([image]), np.array(shape[:1]), shape[1], np.array([factor]), np.array([2]))
    assert np.array_equal(images_of(events, shape[:1], shape[1])[0], scaled_image(image, factor, 2))


@both
def test_neither_scaled_nor_shifted_is_unchanged():
    events = coordinates([np.random.default_rng(0).poisson(1, (20, 7)), np.ones((3, 7), int)])
    lengths = np.array([20, 3])
    same = scale_shift(events, lengths, 7, np.ones(2), np.zeros(2, int))
    assert all(np.array_equal(a, b) for a, b in zip(same, events, strict=True))


@both
def test_rows_do_not_see_each_other():
    images = [np.random.default_rng(k).poisson(0.5, (5 + k, 6)) for k in range(4)]
    lengths, factor = np.array([5, 6, 7, 8]), np.array([0.8, 1.2, 1.0, 1.3])
    together = images_of(scale_shift(coordinates(images), lengths, 6, factor, np.arange(4) - 1), lengths, 6)
    for k in range(4):
        alone = scale_shift(coordinates(images[k : k + 1]), lengths[k : k + 1], 6, factor[k : k + 1], np.array([k - 1]))
        assert np.array_equal(images_of(alone, lengths[k : k + 1], 6)[0], together[k])


@both
def test_steps_rise_along_each_row_of_a_batch_without_events():
    none = Coordinates(*np.zeros((3, 0), np.int64))
    result = scale_shift(none, np.array([1, 4]), 5, np.ones(2), np.zeros(2, int))
    assert all(len(column) == 0 for column in result)
    result = scale_shift(none, np.zeros(0, int), 5, np.ones(0), np.zeros(0, int))
    assert all(len(column) == 0 for column in result)


def test_draws_are_a_function_of_the_seed_and_fill_their_range():
    augmentation = Augmentation()
    factor, shift = augmentation.draw(20_000, 700, 5)
    again = augmentation.draw(20_000, 700, 5)
    assert np.array_equal(factor, again[0])
    assert np.array_equal(shift, again[1])
    assert not np.array_equal(factor, augmentation.draw(20_000, 700, 6)[0])
    assert 0.7 <= factor.min() < 0.71
    assert 1.29 < factor.max() <= 1.3
    assert (shift.min(), shift.max()) == (-70, 70)
    assert abs(factor.mean() - 1) < 0.01
    assert abs(shift.mean()) < 1.5
    assert abs(np.corrcoef(factor, shift)[0, 1]) < 0.03


@pytest.mark.parametrize("seed", [-1, 2**63 - 1, 2**64 - 1, -(2**63)])
def test_any_64_bit_seed(seed):
    assert len(Augmentation().draw(3, 10, seed)[0]) == 3


@pytest.mark.parametrize("values", [{"scale": 1.0}, {"scale": -0.1}, {"shift": 1.1}, {"scale": float("nan")}])
def test_impossible_ranges(values):
    with pytest.raises(ValueError, match=next(iter(values))):
        Augmentation(**values)


@given(st.lists(st.integers(0, 5), max_size=8))
def test_ragged_arange(counts):
    owner, place = ragged_arange(np.array(counts, np.int64))
    assert owner.tolist() == [k for k, count in enumerate(counts) for _ in range(count)]
    assert place.tolist() == [j for count in counts for j in range(count)]


@given(st.integers(1, 200), st.floats(0.05, 5))
def test_sources_rise(size, factor):
    places = np.arange(-50, size + 50)
    assert np.all(np.diff(_reference_events.nearest_source(places, np.array(size), np.array(factor))) >= 0)


@both
@pytest.mark.parametrize(
    ("event", "what"),
    [
        ((3, 0, 2), "at a step"),
        ((-1, 1, 2), "at a step"),
        ((10**12, 0, 2), "at a step"),
        ((0, 2, 2), "of no sample"),
        ((0, -1, 2), "of no sample"),
        ((0, 0, 10), "on a channel"),
        ((0, 1, -1), "on a channel"),
    ],
)
def test_events_outside_their_sample_are_refused(event, what):
    """Anybody's augmentation may come first: a kernel that takes its word would read what lies beside the arrays."""
    events = Coordinates(*(np.array([place]) for place in event))
    with pytest.raises(IndexError, match=f"an event {what}"):
        scale_shift(events, np.array([3, 5]), 10, np.ones(2), np.zeros(2, np.int64))


@pytest.mark.parametrize("name", ["row", "channel", "factor", "shift"])
def test_columns_that_are_not_as_many_are_refused(name):
    given = {"step": np.zeros(3, int), "row": np.arange(3), "channel": np.zeros(3, int)}
    given |= {"factor": np.ones(3), "shift": np.zeros(3, int)}
    given[name] = given[name][:1]
    step, row, channel, factor, shift = given.values()
    with pytest.raises(ValueError, match=rf"one each is needed, found .*'{name}': 1"):
        scale_shift(Coordinates(step, row, channel), np.array([3, 5, 2]), 4, factor, shift)


def test_negative_lengths_are_refused():
    none = Coordinates(*np.zeros((3, 0), np.int64))
    with pytest.raises(ValueError, match=r"^lengths: .* found -5"):
        scale_shift(none, np.array([10, -5]), 4, np.ones(2), np.zeros(2, int))
