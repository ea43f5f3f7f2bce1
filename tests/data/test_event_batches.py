import math
import pickle
from fractions import Fraction

import numpy as np
import pytest
import torch
from data_oracles import image, scaled_image, stack
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shd_files import real

from spikescan.data.augment import Augmentation
from spikescan.data.event_batches import BatchMaker
from spikescan.data.shd import convert
from spikescan.errors import InputError

SAMPLES = [([0, 999, 1000, 1000, 5300], [0, 6, 3, 3, 1]), ([], []), ([2500], [5]), ([0, 1, 2], [2, 2, 4])]

samples = st.lists(
    st.lists(st.tuples(st.integers(0, 20_000), st.integers(0, 6)), max_size=12).map(lambda events: sorted(events)),
    min_size=1,
    max_size=5,
)
# (dt as the user writes it, the exact number of microseconds it means)
STEPS = [(1e-3, Fraction(1000)), (1e-6, Fraction(1)), (0.7e-3, Fraction(700)), (1e-3 / 3, Fraction(1000, 3))]
STEPS += [(12.5e-6, Fraction(25, 2)), (0.1 * 3 / 100, Fraction(3000)), (7.0, Fraction(7_000_000))]


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(samples, st.sampled_from(STEPS), st.integers(1, 8), st.sampled_from([None, 1, 4, 7]), st.data())
def test_a_batch_equals_the_slow_definition(make_store, pad, samples, step, pool, frames, data):
    store = make_store([tuple(zip(*sample, strict=True)) or ([], []) for sample in samples])
    indices = np.array(data.draw(st.lists(st.integers(0, len(samples) - 1), min_size=1, max_size=4)))
    if step[1] < 100:
        frames = frames or 4  # images of every microsecond are only slow
    maker = BatchMaker(store, dt=step[0], channels=7, pool=pool, frames=frames, pad=pad)
    batch = maker(indices)
    images = [image(*store.sample(i), dt=step[1], frames=frames, inputs=7, pool=pool) for i in indices]
    assert np.array_equal(batch.events.dense().numpy(), stack(images, pad))
    assert batch.lengths.tolist() == [len(one) for one in images]
    assert batch.indices.tolist() == indices.tolist()
    assert batch.events.shape[2] == maker.channels


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(samples, st.integers(1, 3), st.integers(0, 2**62))
def test_augmentation_equals_that_of_the_images(make_store, pad, samples, pool, seed):
    store = make_store([tuple(zip(*sample, strict=True)) or ([], []) for sample in samples])
    augmentation = Augmentation(0.5, 0.4)
    maker = BatchMaker(store, dt=1e-3, channels=7, pool=pool, pad=pad, augment=augmentation)
    batch = maker(np.arange(len(samples)), seed)
    factor, shift = augmentation.draw(len(samples), maker.channels, seed)
    images = [image(*store.sample(i), dt=Fraction(1000), inputs=7, pool=pool) for i in range(len(samples))]
    images = [scaled_image(*one) for one in zip(images, factor, shift, strict=True)]
    assert np.array_equal(batch.events.dense().numpy(), stack(images, pad))
    assert batch.lengths.tolist() == [len(one) for one in images]


@pytest.mark.parametrize(("dt", "exact"), STEPS)
def test_every_microsecond_falls_into_the_exact_bin(make_store, dt, exact):
    late = min(2**32, int(exact * 2**31))
    times = np.concatenate([np.arange(25_000), np.arange(late - 5_000, late)])
    batch = BatchMaker(make_store([(times, np.zeros_like(times))]), dt=dt, channels=1)(np.array([0]))
    expected = [math.floor(Fraction(int(time)) / exact) for time in times]
    assert batch.events.step.tolist() == expected
    assert batch.lengths.tolist() == [expected[-1] + 1]


def test_more_steps_than_32_bits_can_count(make_store):
    with pytest.raises(InputError, match="a test: a sample of 2147483649 steps; take a longer dt"):
        BatchMaker(make_store([([2**31], [0])]), dt=1e-6, channels=1)([0])


@pytest.mark.parametrize("frames", [1, 3, 16])
def test_frames_of_short_samples(make_store, frames):
    """A sample of d microseconds: d * k / frames is where its frame k begins."""
    store = make_store([(np.arange(duration), np.zeros(duration, int)) for duration in range(1, 40)])
    batch = BatchMaker(store, frames=frames, channels=1)(np.arange(39))
    images = [image(*store.sample(i), frames=frames, inputs=1) for i in range(39)]
    assert np.array_equal(batch.events.dense().numpy(), stack(images))
    assert batch.lengths.tolist() == [frames] * 39


def test_whole_milliseconds_fall_into_their_own_bin(make_store):
    """In floats 0.003 / 0.001 and 4.29 / 0.001 lie below a whole number, in microseconds they do not."""
    times = np.arange(4_294_967, dtype=np.int64)[::1013] * 1000
    batch = BatchMaker(make_store([(times, np.zeros_like(times))]), dt=1e-3, channels=1)(np.array([0]))
    assert np.array_equal(batch.events.step.numpy(), times // 1000)


def test_labels_and_kinds(make_store):
    store = make_store(SAMPLES, [3, 1, 2, 0])
    batch = BatchMaker(store, dt=1e-3, channels=7)([3, 0])
    assert batch.labels.tolist() == [0, 3]
    assert batch.labels.dtype == batch.lengths.dtype == batch.indices.dtype == torch.int64
    assert batch.events.step.dtype == batch.events.row.dtype == batch.events.channel.dtype == torch.int32
    assert len(batch) == 2
    assert batch.events.shape == (6, 2, 7)


@pytest.mark.parametrize("pad", ["left", "right"])
def test_silence_behind_samples(make_store, pad):
    store = make_store([([0, 2500], [1, 0]), ([900], [2])])
    batch = BatchMaker(store, channels=3, dt=1e-3, pad=pad, tail=1.5e-3)(np.array([0, 1]))
    assert batch.lengths.tolist() == [5, 3]
    assert batch.events.shape == (5, 2, 3)
    first = 2 if pad == "left" else 0
    assert batch.events.dense().nonzero().tolist() == sorted([[0, 0, 1], [2, 0, 0], [first, 1, 2]])
    with pytest.raises(InputError, match=r"tail: 0\.01 s of silence behind samples that are cut into frames"):
        BatchMaker(store, channels=3, frames=4, tail=0.01)


def test_the_same_sample_twice(make_store):
    batch = BatchMaker(make_store(SAMPLES), dt=1e-3, channels=7)([0, 0])
    dense = batch.events.dense()
    assert torch.equal(dense[:, 0], dense[:, 1])
    assert dense.sum() == 10


def test_samples_without_events_have_one_step(make_store):
    batch = BatchMaker(make_store(SAMPLES), dt=1e-3, channels=7, augment=Augmentation())([1, 1])
    assert batch.events.shape == (1, 2, 7)
    assert batch.lengths.tolist() == [1, 1]
    assert batch.events.dense().sum() == 0


def test_a_batch_of_no_samples(make_store):
    batch = BatchMaker(make_store(SAMPLES), dt=1e-3, channels=7, augment=Augmentation())([])
    assert batch.events.dense().shape == (1, 0, 7)


def test_the_seed_governs_the_augmentation_alone(make_store):
    store = make_store([(np.arange(500) * 100, np.arange(500) % 50)] * 3)
    maker = BatchMaker(store, dt=1e-3, channels=50, augment=Augmentation())
    first, again, other = (maker([0, 1, 2], seed).events.dense() for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not torch.equal(first[:, 0], first[:, 1])
    plain = BatchMaker(store, dt=1e-3, channels=50)
    assert torch.equal(plain([0], 1).events.dense(), plain([0], 2).events.dense())
    assert torch.equal(first, maker([0, 1, 2], torch.tensor(1)).events.dense())


def test_a_maker_travels_to_other_processes(make_store):
    maker = BatchMaker(make_store(SAMPLES), dt=1e-3, channels=7, augment=Augmentation())
    copy = pickle.loads(pickle.dumps(maker))
    assert torch.equal(copy([0, 3], 9).events.dense(), maker([0, 3], 9).events.dense())


@pytest.mark.parametrize("index", [-1, 4])
def test_samples_that_do_not_exist(make_store, index):
    with pytest.raises(IndexError, match=f"no sample {index}"):
        BatchMaker(make_store(SAMPLES), dt=1e-3, channels=7)([0, index])


def test_a_channel_too_many_names_the_sample(make_store):
    with pytest.raises(InputError, match="a test: sample 0: an event on channel 6 where there are 6 channels"):
        BatchMaker(make_store(SAMPLES), dt=1e-3, channels=6)([2, 0])


@pytest.mark.parametrize(
    "options",
    [
        *({"dt": dt} for dt in (0.0, -1e-3, float("nan"), float("inf"), 1e-7)),
        {},
        {"dt": 1e-3, "pool": 0},
        {"frames": 0},
        {"dt": 1e-3, "pad": "middle"},
        {"dt": 1e-3, "channels": 0},
    ],
)
def test_impossible_options(make_store, options):
    with pytest.raises(ValueError, match=next(reversed(options), "dt")):
        BatchMaker(make_store(SAMPLES), **({"channels": 7} | options))


def test_real_recordings(tmp_path):
    store = convert(real("fsdd") / "fsdd_test.h5", tmp_path / "s")
    indices = np.random.default_rng(0).permutation(len(store))[:6]
    batch = BatchMaker(store, dt=1e-3, channels=700)(indices)
    images = [image(*store.sample(i), dt=Fraction(1000), inputs=700) for i in indices]
    assert np.array_equal(batch.events.dense().numpy(), stack(images))
