import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader

import spikescan as ss
from spikescan.data.arrays import from_arrays
from spikescan.errors import InputError


def some(samples=10, classes=2, **options):
    return from_arrays(
        [[0.01 * index] for index in range(samples)], [[0]] * samples, np.arange(samples) % classes, **options
    )


def test_a_subset_of_a_subset_shares_the_store():
    data = some()
    part = data.subset([5, 3, 8]).subset(np.array([True, False, True]))
    assert part.store is data.store
    assert part.indices.tolist() == [5, 8]
    assert part.labels.tolist() == [1, 0]
    assert part.durations.tolist() == [50_001, 80_001]
    assert part.sample(1)[0].tolist() == [80_000]
    assert len(data.subset([])) == 0


@pytest.mark.parametrize("indices", [[-1], [10], [0.5], [[1]], [True, False]])
def test_samples_that_are_not_there(indices):
    with pytest.raises(IndexError, match="indices: "):
        some().subset(indices)


@given(st.integers(10, 60), st.integers(1, 5), st.floats(0.3, 0.7), st.integers(0, 2**63))
def test_a_split_is_stratified_and_has_every_sample_once(samples, classes, fraction, seed):
    data = some(samples * 2, classes).subset(np.arange(samples)[::-1])
    rest, held = data.split(fraction, seed=seed)
    assert sorted([*rest.indices, *held.indices]) == list(range(samples))
    assert set(rest.labels) == set(data.labels)
    for label in set(data.labels):
        among = np.sum(data.labels == label)
        assert abs(np.sum(held.labels == label) - fraction * among) <= 1 + 1e-9
    assert np.array_equal(held.indices, data.split(fraction, seed=seed)[1].indices)


def test_a_speaker_is_held_out():
    rest, held = some(speakers=np.arange(10) // 4).split(speaker=1)
    assert held.indices.tolist() == [4, 5, 6, 7]
    assert rest.indices.tolist() == [0, 1, 2, 3, 8, 9]


def test_a_fraction_that_holds_out_nothing_names_the_remedy():
    with pytest.raises(InputError, match=r"nothing of 4 samples: take at least 0.13 .*protocol.validation=0.13"):
        some(4).split(0.1)
    assert len(some(4).split(0.13)[1]) == 1
    with pytest.raises(InputError, match="no class has a second sample; give at least two of a class"):
        some(4, classes=4).split(0.5)


def test_a_data_set_cannot_be_indexed_and_says_what_can():
    for thing in (some(), some().store):
        with pytest.raises(TypeError, match=r"spikescan.data.as_torch\(data, dt=…\)"):
            next(iter(DataLoader(thing, batch_size=2)))


def test_batches_are_one_pass():
    data = some(10).subset(np.arange(1, 10))
    made = ss.data.batches(data, batch_size=4, dt=1e-3)
    assert len(made) == 3
    batches = list(made)
    assert [batch.indices.tolist() for batch in batches] == [[0, 1, 2, 3], [4, 5, 6, 7], [8]]
    assert [batch.labels.tolist() for batch in batches] == [[1, 0, 1, 0], [1, 0, 1, 0], [1]]
    assert batches[0].lengths.tolist() == [11, 21, 31, 41]
    assert batches[0].inputs is batches[0].events
    assert torch.equal(batches[0].dense(), batches[0].events.dense())
    assert [len(batch) for batch in ss.data.batches(data, batch_size=4, dt=1e-3, drop_last=True)] == [4, 4]


def test_a_seed_draws_the_order():
    def order(seed):
        return [
            index
            for batch in ss.data.batches(some(30), 7, dt=1e-3, shuffle=True, seed=seed)
            for index in batch.indices.tolist()
        ]

    assert sorted(order(0)) == list(range(30))
    assert order(0) == order(0)
    assert order(0) != order(1)
    assert order(0) != list(range(30))


def test_augmented_batches_are_a_function_of_the_seed():
    rng = np.random.default_rng(0)
    data = from_arrays([rng.uniform(0, 1, 50) for _ in range(6)], [rng.integers(0, 40, 50) for _ in range(6)], [0] * 6)

    def counts(seed):
        made = ss.data.batches(data, 3, dt=0.01, augment=ss.data.Augmentation(), seed=seed)
        return torch.cat([batch.dense() for batch in made], 1)

    assert torch.equal(counts(1), counts(1))
    assert not torch.equal(counts(1), counts(2))


def test_without_dt_the_suggested_one_is_taken():
    data = some()
    (batch,) = ss.data.batches(data)
    assert batch.lengths.tolist() == ss.data.bins.steps(data, data.suggested_dt()).tolist()


@pytest.mark.parametrize("wrong", [{"batch_size": 0}, {"dt": 0.0}, {"dt": 1e-3, "pool": 0}, {"dt": 1e-3, "pad": "up"}])
def test_impossible_options_are_refused_at_once(wrong):
    with pytest.raises(ValueError, match=list(wrong)[-1]):
        ss.data.batches(some(), **wrong)


def test_public_names():
    assert set(ss.data.__all__) == set(ss.data._HOMES)
    assert all(getattr(ss.data, name) is not None for name in ss.data.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = ss.data.nothing
