import numpy as np
import pytest
import torch
from torch.utils.data import ConcatDataset, DataLoader, Subset

import spikescan as ss
from spikescan.data.arrays import from_arrays
from spikescan.data.dense_arrays import from_dense


def events(samples=11):
    rng = np.random.default_rng(0)
    times = [np.sort(rng.uniform(0, 0.05 * (1 + index), 20)) for index in range(samples)]
    return from_arrays(times, [rng.integers(0, 6, 20) for _ in times], np.arange(samples) % 3)


def values(samples=11):
    rng = np.random.default_rng(0)
    return from_dense([rng.normal(size=(3 + index, 2)) for index in range(samples)], np.arange(samples) % 3, dt=0.01)


@pytest.fixture(params=[events, values])
def data(request):
    return request.param().subset(np.arange(10, 0, -1))


def same(batches, expected):
    pairs = list(zip(batches, expected, strict=True))
    return all(
        torch.equal(one.dense(), other.dense())
        and all(torch.equal(getattr(one, name), getattr(other, name)) for name in ("labels", "lengths", "indices"))
        for one, other in pairs
    )


@pytest.mark.parametrize("collate", [None, ss.data.collate])
def test_a_loader_gives_what_batches_gives(data, collate):
    loader = DataLoader(ss.data.as_torch(data, dt=0.01), batch_size=4, collate_fn=collate)
    assert same(loader, ss.data.batches(data, 4, dt=0.01))
    assert len(loader) == 3


@pytest.mark.parametrize(("method", "workers", "saved"), [("fork", 2, False), ("fork", 1, True), ("spawn", 1, True)])
def test_workers(tmp_path, method, workers, saved):
    data = ss.data.load(events().save(tmp_path / "set")) if saved else events()
    options = {"num_workers": workers, "multiprocessing_context": method, "collate_fn": ss.data.collate}
    loader = DataLoader(ss.data.as_torch(data, dt=0.01), batch_size=4, **options)
    assert same(loader, ss.data.batches(data, 4, dt=0.01))


def test_shuffled_every_sample_once(data):
    loader = DataLoader(ss.data.as_torch(data, dt=0.01), batch_size=4, shuffle=True)
    batches = list(loader)
    assert sorted(torch.cat([batch.indices for batch in batches]).tolist()) == list(range(10))
    for batch in batches:
        assert batch.labels.tolist() == data.labels[batch.indices].tolist()


def test_items_and_data_sets_around_them(data):
    items = ss.data.as_torch(data, dt=0.01)
    (batch,) = ss.data.batches(data, 10, dt=0.01)
    for index in (0, 7, -1):
        inputs, label, number = items[index]
        assert number == index % 10
        assert label == data.labels[index]
        assert torch.equal(inputs, batch.dense()[: batch.lengths[index], index])
    with pytest.raises(IndexError):
        items[10]
    assert same(
        DataLoader(Subset(items, [3, 1, 2]), 3), [next(iter(DataLoader(items, sampler=[3, 1, 2], batch_size=3)))]
    )
    joined = DataLoader(ConcatDataset([items, items]), batch_size=20, collate_fn=ss.data.collate)
    for loader in (joined, DataLoader(ConcatDataset([items, items]), batch_size=20)):
        (both,) = loader
        assert torch.equal(both.dense(), batch.dense().repeat(1, 2, 1))
        assert both.lengths.tolist() == batch.lengths.tolist() * 2


def test_other_items_are_refused_by_name():
    with pytest.raises(TypeError, match=r"items of spikescan.data.as_torch\(data, dt=…\) are needed, found int"):
        ss.data.collate([1, 2])


def test_augmentation_draws_from_torchs_generator():
    items = ss.data.as_torch(events(), dt=0.01, augment=ss.data.Augmentation())

    def drawn(seed):
        torch.manual_seed(seed)
        return [batch.dense() for batch in DataLoader(items, batch_size=4)]

    assert all(map(torch.equal, drawn(0), drawn(0)))
    assert not all(map(torch.equal, drawn(0), drawn(1)))


def test_pinned_batches_stay_batches():
    batch = next(iter(DataLoader(ss.data.as_torch(events(), dt=0.01), batch_size=4)))
    assert isinstance(batch, ss.data.Batch)
    assert batch.to("cpu").inputs.shape == batch.inputs.shape
