import numpy as np
import pytest

from spikescan.data.arrays import from_arrays
from spikescan.training.build import material
from spikescan.training.loaders import EvaluationBatches, TrainingBatches, stream


class Recorded:
    """Stands in for a BatchMaker: gives back what it was asked for."""

    def __call__(self, indices, seed):
        return tuple(indices), seed


def samples(first, stop):
    """The samples of a larger set from `first` on."""
    nothing = [[]] * stop
    return from_arrays(nothing, nothing, np.zeros(stop, int)).subset(np.arange(first, stop))


def loader(size=10, batch_size=4, epoch=0, **share):
    return TrainingBatches(
        Recorded(), samples(100, 100 + size), batch_size=batch_size, seed=7, epoch=lambda: epoch, **share
    )


def shown(batches):
    return [index for indices, _ in batches for index in indices]


def test_every_sample_once_an_epoch():
    batches = loader()
    assert len(batches) == len(list(batches)) == 3
    assert sorted(shown(batches)) == list(range(100, 110))


def test_order_and_seeds_depend_on_seed_and_epoch_alone():
    assert list(loader(epoch=3)) == list(loader(epoch=3))
    assert shown(loader(epoch=3)) != shown(loader(epoch=4))
    seeds = {seed for epoch in range(5) for _, seed in loader(epoch=epoch)}
    assert len(seeds) == 15


def test_epoch_is_asked_for_when_the_pass_begins():
    """Lightning makes the iterator before it has restored the epoch."""
    now = [0]
    batches = TrainingBatches(Recorded(), samples(0, 10), batch_size=4, seed=7, epoch=lambda: now[0])
    passing = iter(batches)
    now[0] = 5
    assert shown(passing) == list(batches.order(5))


@pytest.mark.parametrize(("size", "ranks"), [(10, 2), (10, 3), (7, 4), (1, 3)])
def test_ranks_share_an_epoch(size, ranks):
    parts = [loader(size, 2, rank=rank, ranks=ranks) for rank in range(ranks)]
    assert len({len(list(part)) for part in parts}) == 1
    together = [index for part in parts for index in shown(part)]
    assert set(together) == set(range(100, 100 + size))
    assert len(together) - size < ranks
    seeds = [seed for part in parts for _, seed in part]
    assert len(set(seeds)) == len(seeds)


def dealt(size, ranks):
    some = samples(0, size)
    parts = [EvaluationBatches(Recorded(), some, batch_size=4, rank=r, ranks=ranks) for r in range(ranks)]
    assert [len(part) for part in parts] == [len(list(part)) for part in parts]
    return [[indices for indices, _ in part] for part in parts]


@pytest.mark.parametrize("ranks", [1, 2])
def test_evaluation_shows_each_sample_once_in_whole_batches(ranks):
    parts = dealt(11, ranks)
    batches = [batch for number in range(3) for part in parts for batch in part[number : number + 1]]
    assert batches == [(0, 1, 2, 3), (4, 5, 6, 7), (8, 9, 10)]


@pytest.mark.parametrize(("size", "ranks"), [(11, 5), (5, 4), (3, 3)])
def test_every_rank_has_something_to_evaluate(size, ranks):
    parts = dealt(size, ranks)
    assert all(parts)
    assert sorted(index for part in parts for batch in part for index in batch) == list(range(size))


def test_streams_differ_and_are_not_negative():
    values = {stream(seed, purpose, epoch) for seed in range(5) for purpose in range(5) for epoch in range(5)}
    assert len(values) == 125
    assert min(values) >= 0


def test_validation_is_held_out(recipe, store):
    stuff = material(recipe(protocol__validation=0.25), store)
    train, validation = stuff.splits["train"], stuff.splits["validation"]
    assert len(validation) == 11
    assert sorted([*train.indices, *validation.indices]) == list(range(44))


def test_speaker_is_held_out(recipe, store):
    stuff = material(recipe(protocol__holdout_speaker=2), store)
    assert set(stuff.splits["validation"].speakers) == {2}
    assert set(stuff.splits["train"].speakers) == {0, 1}


def test_published_protocol_trains_on_everything(recipe, store):
    stuff = material(recipe("published"), store)
    assert len(stuff.splits["train"]) == 44
    assert "validation" not in stuff.splits


def milliseconds(recipe, store):
    stuff = material(recipe, store)
    batch = stuff.maker("test")(np.arange(5), 0)
    return stuff.milliseconds("test", batch).numpy(), batch, stuff


def test_milliseconds_of_masked_samples_are_their_own_steps(recipe, store):
    found, batch, _ = milliseconds(recipe(), store)
    np.testing.assert_allclose(found, batch.lengths * 10.0)
    assert len(set(found)) > 1


def test_milliseconds_of_padded_samples_are_those_of_the_batch(recipe, store):
    found, batch, _ = milliseconds(recipe("published"), store)
    np.testing.assert_allclose(found, batch.events.shape[0])


def test_milliseconds_of_frames_are_those_of_the_recording(recipe, store):
    found, _, stuff = milliseconds(recipe(data__frames=4), store)
    np.testing.assert_allclose(found, stuff.splits["test"].durations[:5] / 1000)
