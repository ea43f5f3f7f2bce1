import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import spikescan as ss
from spikescan.data.dense_arrays import from_dense
from spikescan.data.saved import load, save
from spikescan.errors import InputError

lengths = st.lists(st.integers(1, 40), min_size=1, max_size=6)


def some(lengths, channels=3, dt=0.01, seed=0, **options):
    rng = np.random.default_rng(seed)
    x = [rng.normal(size=(length, channels)) for length in lengths]
    return x, from_dense(x, np.arange(len(x)) % 2, dt=dt, **options)


def averaged(sample, bounds, pool):
    """The slow definition: the mean over the steps of each bin, and the sum of each pool of channels."""
    bins = np.stack([sample[start:stop].astype(np.float32).mean(0) for start, stop in bounds])
    return np.stack([bins[:, first : first + pool].sum(1) for first in range(0, bins.shape[1], pool)], axis=1)


def stacked(samples, pad):
    steps = max(len(sample) for sample in samples)
    result = np.zeros((steps, len(samples), samples[0].shape[1]))
    for row, sample in enumerate(samples):
        first = steps - len(sample) if pad == "left" else 0
        result[first : first + len(sample), row] = sample
    return result


@given(lengths, st.integers(1, 5), st.integers(1, 4), st.sampled_from([1, 2, 3, 7]), st.sampled_from(["left", "right"]))
def test_a_batch_equals_the_slow_definition(lengths, channels, pool, width, pad):
    x, data = some(lengths, channels)
    (batch,) = ss.data.batches(data, len(x), dt=width * 0.01, pool=pool, pad=pad)
    bounds = [[(k, min(k + width, len(sample))) for k in range(0, len(sample), width)] for sample in x]
    expected = [averaged(*both, pool) for both in zip(x, bounds, strict=True)]
    assert batch.inputs.dtype == torch.float32
    np.testing.assert_allclose(batch.inputs.numpy(), stacked(expected, pad), rtol=1e-5, atol=1e-6)
    assert batch.lengths.tolist() == [len(sample) for sample in expected]
    assert ss.data.bins.steps(data, width * 0.01).tolist() == batch.lengths.tolist()


@given(st.lists(st.integers(8, 40), min_size=1, max_size=5), st.integers(1, 8))
def test_frames_share_out_every_step(lengths, frames):
    x, data = some(lengths)
    (batch,) = ss.data.batches(data, len(x), frames=frames)
    bounds = [[(k * len(s) // frames, (k + 1) * len(s) // frames) for k in range(frames)] for s in x]
    expected = [averaged(*both, 1) for both in zip(x, bounds, strict=True)]
    np.testing.assert_allclose(batch.inputs.numpy(), np.stack(expected, 1), rtol=1e-5, atol=1e-6)


@given(lengths, st.permutations(range(6)))
def test_every_shape_of_input_gives_the_same(lengths, order):
    x, data = some(lengths)
    padded = np.full((len(x), max(lengths), 3), 7.5)
    for row, sample in enumerate(x):
        padded[row, : len(sample)] = sample
    again = from_dense(torch.from_numpy(padded), data.labels, dt=0.01, lengths=lengths)
    assert np.array_equal(again.store.values, data.store.values)
    assert np.array_equal(again.store.offsets, data.store.offsets)
    part = data.subset([index for index in order if index < len(x)])
    for number, index in enumerate(part.indices):
        assert np.array_equal(part.sample(number), x[index].astype(np.float32))


def test_sequences_of_one_channel_and_of_integers():
    data = from_dense(np.arange(12).reshape(3, 4).astype(np.uint8), [0, 1, 0], dt=0.1)
    assert data.channels == 1
    assert data.sample(1).tolist() == [[4], [5], [6], [7]]
    assert from_dense([[1.0, 2.0], [3.0]], ["a", "b"], dt=0.1).class_names == ("a", "b")
    assert data.durations.tolist() == [400_000] * 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": np.zeros(3)}, r"x: shape \(3,\), not \(n, T, C\)"),
        ({"x": np.zeros((2, 3, 4, 5))}, r"x: shape \(2, 3, 4, 5\)"),
        ({"x": [np.zeros((3, 2)), np.zeros((3, 1))]}, "x: samples of 1 and 2 channels"),
        ({"x": [np.zeros((3, 2)), np.zeros((0, 2))]}, r"sample 1: x has shape \(0, 2\); a step"),
        ({"x": [np.zeros((3, 2)), np.zeros((3, 2), complex)]}, "sample 1: x has shape .* of complex128"),
        ({"x": np.where(np.arange(12).reshape(2, 3, 2) == 9, np.nan, 0)}, "sample 1: x at step 1, channel 1 is nan"),
        ({"x": np.full((2, 3, 2), 1e39)}, "sample 0: x at step 0, channel 0 is inf"),
        ({"dt": 0.0}, "dt: 0.0 s"),
        ({"dt": float("nan")}, "dt: nan s"),
        ({"lengths": [1]}, r"lengths: found int64 of shape \(1,\), not 2 integers"),
        ({"lengths": [1, 4]}, "sample 1: lengths is 4, and x has 3 steps"),
        ({"lengths": [0, 3]}, "sample 0: lengths is 0"),
        ({"labels": [0, 1, 1]}, "labels: 3 of them and 2 samples"),
        ({"x": []}, "x: no sample"),
    ],
)
def test_what_does_not_fit_is_named(change, message):
    with pytest.raises(InputError, match=message):
        from_dense(**({"x": np.zeros((2, 3, 2)), "labels": [0, 1], "dt": 0.1} | change))


@pytest.mark.parametrize("dt", [0.005, 0.015, 0.0, -0.01, float("nan"), float("inf")])
def test_a_dt_that_is_no_whole_multiple(dt):
    with pytest.raises(InputError, match=r"the data have a value every 0.01 s; dt must be a whole multiple"):
        ss.data.batches(some([5])[1], dt=dt)


def test_what_real_valued_data_have_no_use_for():
    data = some([5, 2])[1]
    with pytest.raises(InputError, match="augmentation moves events, leave it out"):
        ss.data.batches(data, dt=0.01, augment=ss.data.Augmentation())
    with pytest.raises(InputError, match="frame_by is 'number', and real-valued data have no events"):
        ss.data.batches(data, frames=2, frame_by="number")
    with pytest.raises(InputError, match="sample 1 has 2 steps, fewer than 3 frames"):
        list(ss.data.batches(data, frames=3))
    for wrong in ({"pool": 0}, {"frames": 0}, {"pad": "up"}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            ss.data.batches(data, **({"dt": 0.01} | wrong))


def test_a_batch_of_no_samples():
    made = ss.data.making.maker(some([5])[1], dt=0.01)
    assert made(np.zeros(0, np.int64), 0).inputs.shape == (1, 0, 3)
    with pytest.raises(IndexError, match="no sample 1"):
        made(np.array([1]), 0)


def test_saved_and_mapped_and_pickled(tmp_path):
    x, data = some([5, 2, 9, 4], speakers=["a", "b", "a", "b"], class_names=["no", "yes"], name="walks")
    save(data.subset([2, 0, 1]), tmp_path / "walks")
    found = load(tmp_path / "walks")
    for copy in (found, pickle.loads(pickle.dumps(found)), pickle.loads(pickle.dumps(data)).subset([2, 0, 1])):
        assert [np.array_equal(copy.sample(k), x[i].astype(np.float32)) for k, i in enumerate((2, 0, 1))] == [True] * 3
        assert copy.labels.tolist() == [0, 0, 1]
        assert copy.speakers.tolist() == [0, 0, 1]
        assert (copy.name, copy.class_names, copy.speaker_names) == ("walks", ("no", "yes"), ("a", "b"))
    assert len(pickle.dumps(found.store)) < 1000
    assert isinstance(found.store.values, np.memmap)


@pytest.mark.parametrize(
    ("file", "damage", "message"),
    [
        ("values.npy", lambda content: content[:-4], "values.npy: damaged"),
        ("offsets.npy", lambda content: content[:-8] + b"\0" * 8, "offsets.npy: damaged"),
        ("labels.npy", lambda content: content[:-1] + b"\xff", "labels.npy: damaged event store, it holds a negative"),
        (
            "meta.json",
            lambda content: content.replace(b'"dt":0.01', b'"dt":null').replace(b'"dt": 0.01', b'"dt": null'),
            "no dt",
        ),
        ("meta.json", lambda content: content.replace(b"samples", b"Samples"), "meta.json: damaged"),
    ],
)
def test_a_damaged_store(tmp_path, file, damage, message):
    save(some([5, 2])[1], tmp_path / "s")
    path = tmp_path / "s" / file
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match=message):
        load(tmp_path / "s")


def test_a_network_learns_from_values():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 64)
    x = rng.normal(size=(64, 10, 2)) + (2 * labels[:, None, None] - 1)
    data = from_dense(x, labels, dt=1e-3)
    torch.manual_seed(0)
    network = ss.networks.SpikingMLP(2, (16,), 2)
    optimiser = torch.optim.Adam(network.parameters(), 0.02)
    for epoch in range(8):
        right = 0
        for batch in ss.data.batches(data, 16, dt=1e-3, shuffle=True, seed=epoch):
            scores = network.run(batch.inputs, lengths=batch.lengths).readout.mean(0)
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(scores, batch.labels).backward()
            optimiser.step()
            right += int((scores.argmax(1) == batch.labels).sum())
    assert right > 60
