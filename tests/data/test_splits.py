import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikescan.data.splits import by_speaker, first_of_each, stratified, validation_split
from spikescan.errors import InputError


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), min_size=1, max_size=80),
    st.floats(0, 0.99),
    st.integers(-(2**63), 2**64 - 1),
)
def test_every_group_gives_its_share(samples, fraction, seed):
    labels, speakers = np.array(samples).T
    rest, held = stratified(labels, fraction, seed, within=speakers)
    assert sorted([*rest, *held]) == list(range(len(labels)))
    assert np.all(np.diff(rest) > 0)
    assert np.all(np.diff(held) > 0)
    assert set(labels[rest]) == set(labels)
    for label in set(labels):
        among = labels == label
        assert abs(np.sum(labels[held] == label) - fraction * among.sum()) <= 1 + 1e-9
        for speaker in set(speakers[among]):
            group = among & (speakers == speaker)
            assert abs(np.sum(group[held]) - fraction * group.sum()) <= 1 + 1e-9


def test_the_split_is_a_function_of_the_seed():
    labels = np.repeat(np.arange(10), 30)
    first, again, other = (stratified(labels, 0.1, seed)[1] for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.bincount(labels[first]).tolist() == [3] * 10


def test_a_share_of_nothing():
    rest, held = stratified(np.arange(5), 0.0, 0)
    assert rest.tolist() == [0, 1, 2, 3, 4]
    assert len(held) == 0


def test_one_speaker_is_held_out_whole(make_store):
    speakers = np.array([2, 0, 2, 5])
    rest, held = validation_split(make_store([([1], [1])] * 4, speakers=speakers), speaker=2)
    assert rest.tolist() == [1, 3]
    assert held.tolist() == [0, 2]


def test_speakers_that_cannot_be_held_out(make_store):
    with pytest.raises(InputError, match=r"speaker 7 cannot be held out.* the speakers 0, 2, 5"):
        by_speaker(np.array([2, 0, 2, 5]), 7)
    with pytest.raises(InputError, match=r"the speakers 3$"):
        by_speaker(np.array([3, 3]), 3)
    with pytest.raises(InputError, match="does not say who speaks"):
        validation_split(make_store([([1], [1])] * 4), speaker=2)


@pytest.mark.parametrize("fraction", [-0.1, 1.0, float("nan")])
def test_impossible_fractions(make_store, fraction):
    with pytest.raises(InputError, match="fraction"):
        validation_split(make_store([([1], [1])] * 4), fraction=fraction)


def test_too_few_samples_for_a_fraction(make_store):
    with pytest.raises(InputError, match="leaves nothing of 4 samples"):
        validation_split(make_store([([1], [1])] * 4), fraction=0.1)
    rest, held = validation_split(make_store([([1], [1])] * 4), fraction=0)
    assert (len(rest), len(held)) == (4, 0)


def test_validation_split_knows_the_speakers(make_store):
    labels, speakers = np.repeat(np.arange(2), 20), np.tile(np.arange(4), 10)
    store = make_store([([1], [1])] * 40, labels, speakers=speakers)
    _, held = validation_split(store, fraction=0.2, seed=1)
    assert np.array_equal(np.unique(labels[held] * 4 + speakers[held], return_counts=True)[1], np.ones(8))


@given(st.lists(st.integers(0, 3), min_size=1, max_size=40), st.integers(1, 5), st.randoms())
def test_the_first_of_each_label_in_their_order(labels, limit, random):
    labels = np.array(labels)
    chosen = np.array(random.sample(range(len(labels)), random.randint(1, len(labels))))
    taken = []
    for index in chosen:
        if sum(labels[other] == labels[index] for other in taken) < limit:
            taken.append(index)
    assert first_of_each(labels, chosen, limit).tolist() == taken
