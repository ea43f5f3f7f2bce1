"""The generator: its published answers, what a draw depends on, and whether the numbers look random."""

import math

import numpy as np
import oracles
import pytest
import torch
from helpers import Seen

import spikescan as ss
from spikescan.fused import _native
from spikescan.random import as_seed, fold, new_seed, philox, uniform

ALL = 0xFFFFFFFF
KNOWN = [  # Random123's kat_vectors, philox4x32-10: counter, key, words
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((ALL,) * 4, (ALL, ALL), (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]
BACKENDS = "auto", "reference", "native"
each_backend = pytest.mark.parametrize("backend", BACKENDS)


@pytest.mark.parametrize(("counter", "key", "words"), KNOWN)
def test_known_answers(counter, key, words):
    computed = philox(tuple(torch.tensor(c) for c in counter), (torch.tensor(key[0]), torch.tensor(key[1])))
    assert tuple(int(word) for word in computed) == words
    assert tuple(int(word) for word in oracles.philox(np.array(counter), key)) == words


@each_backend
@pytest.mark.parametrize("seed", [0, 1, -1, 2**32, -(2**63), 2**63 - 1, 1234567890123456789])
@pytest.mark.parametrize("step", [0, 5, 2**32 - 2, 2**32 + 7, 2**40])
def test_each_draw_is_the_documented_one(backend, seed, step):
    r = uniform((4, 3, 11), seed=seed, step=step, backend=backend)
    assert r.dtype == torch.float32
    places = [(0, 0, 0), (3, 2, 10), (2, 1, 7), (1, 2, 4), (3, 0, 9)]
    for t, b, n in places:
        assert r[t, b, n].item() == oracles.draw(seed, step + t, b, n)


@each_backend
def test_a_draw_depends_on_nothing_else(backend):
    whole = uniform((20, 6, 300), seed=9, backend=backend)
    assert torch.equal(whole, uniform((20, 6, 300), seed=9, backend="reference"))
    assert torch.equal(uniform((7, 2, 300), seed=9, step=5, backend=backend), whole[5:12, :2])
    assert torch.equal(uniform((20, 6, 3, 5, 20), seed=9, backend=backend), whole.view(20, 6, 3, 5, 20))
    assert torch.equal(uniform((20, 6, 7), seed=9, backend=backend), whole[..., :7])
    assert torch.equal(uniform((20, 6), seed=9, backend=backend), whole[..., 0])
    assert torch.equal(uniform((20, 6, 300), seed=torch.tensor(9), step=torch.tensor(0), backend=backend), whole)
    assert uniform((20, 6, 0), seed=9, backend=backend).shape == (20, 6, 0)
    assert not torch.equal(uniform((20, 6, 300), seed=10, backend=backend), whole)


@pytest.mark.parametrize(
    "shape", [(1000, 1, 5), (1, 3, 5), (20, 6, 7), (20, 0, 7), (1, 1, 5001), (2, 3, 2051)], ids=str
)
def test_time_and_rows_are_shared_out(shape, monkeypatch):
    """Among seven threads, whatever there is more of."""
    monkeypatch.setattr(_native, "threads", lambda: 7)
    found = uniform(shape, seed=9, step=2**32 - 3, backend="native")
    assert torch.equal(found, uniform(shape, seed=9, step=2**32 - 3, backend="reference"))


def test_bounds():
    r = uniform((1000, 10, 400), seed=2)  # 4e6 numbers of 8.4e6 possible ones
    assert 0 < r.min() < 1e-6
    assert 1 - 1e-6 < r.max() < 1
    assert torch.equal((r.double() * 2**23 - 0.5) % 1, torch.zeros_like(r, dtype=torch.float64))


def chi_square(r: torch.Tensor, bins: int = 256) -> float:
    """Deviations from the mean of a chi-square of uniformity: about N(0, 1) if r is uniform."""
    counts = torch.histc(r.double().flatten(), bins, 0, 1)
    expected = r.numel() / bins
    chi = ((counts - expected) ** 2 / expected).sum().item()
    return (chi - (bins - 1)) / math.sqrt(2 * (bins - 1))


def correlation(a: torch.Tensor, b: torch.Tensor) -> float:
    """In standard deviations of that of independent numbers."""
    a, b = a.double().flatten() - 0.5, b.double().flatten() - 0.5
    return (a * b).mean().item() * 12 * math.sqrt(a.numel())


def test_uniform():
    r = uniform((100, 50, 200), seed=3)
    assert abs(chi_square(r)) < 4.5
    low_bits = (r.double() * 2**23).floor() % 256 / 256  # the last bits as well
    assert abs(chi_square(low_bits + 1 / 512)) < 4.5
    assert abs(chi_square(r**1.01)) > 4.5  # negative control
    assert abs(chi_square((r * 1000).floor() / 1000)) > 4.5


def test_no_correlation_across_steps_rows_features():
    r = uniform((100, 64, 128), seed=4)
    pairs = [(r[lag:], r[:-lag]) for lag in (1, 2, 3)]
    pairs += [(r[:, lag:], r[:, :-lag]) for lag in (1, 2)]
    pairs += [(r[..., lag:], r[..., :-lag]) for lag in (1, 2, 3, 4)]
    pairs += [(r, 1 - r.flip(0)), (r, r.transpose(1, 2).reshape(r.shape))]
    assert all(abs(correlation(a, b)) < 5 for a, b in pairs)
    leaky = r[1:] + 0.02 * (r[:-1] - 0.5)  # negative control
    assert abs(correlation(leaky[1:], leaky[:-1])) > 5


def test_no_correlation_across_layers_and_seeds():
    shape = (50, 64, 128)
    layers = [uniform(shape, seed=fold(7, layer)) for layer in range(4)] + [uniform(shape, seed=s) for s in (7, 8)]
    for k, a in enumerate(layers):
        assert all(abs(correlation(a, b)) < 5 for b in layers[:k])
    assert abs(correlation(layers[0], uniform(shape, seed=fold(7, 0)))) > 5  # negative control


def test_fold():
    seeds = [fold(1), fold(1, 0), fold(1, 1), fold(2, 0), fold(1, 0, 0), fold(1, 0, 1), fold(1, 1, 0), fold(1, -1)]
    assert len({int(seed) for seed in seeds}) == len(seeds)
    assert all(seed.dtype == torch.int64 and seed.shape == () for seed in seeds)
    assert int(fold(torch.tensor(5), torch.tensor(3))) == int(fold(5, 3))
    assert int(fold(fold(5, 3), 4)) == int(fold(5, 3, 4))


@pytest.mark.parametrize("seed", [0, 1, -1, 2**63 - 1, -(2**63), 0x123456789ABCDEF])
@pytest.mark.parametrize("value", [0, 3, -7, 2**40 + 5])
def test_fold_by_ints_is_fold_by_tensors(seed, value):
    with Seen():  # one that looks on: tensors then, as in compiled code and on other devices
        watched = fold(seed, value, 2)
    found = fold(seed, value, 2)
    assert int(found) == int(watched)
    assert (found.dtype, found.shape) == (watched.dtype, watched.shape)


def test_manual_seed_governs():
    torch.manual_seed(11)
    first, second = new_seed(), new_seed()
    torch.manual_seed(11)
    assert int(new_seed()) == int(first) != int(second)
    torch.manual_seed(11)
    spikes = ss.SPSN()(torch.zeros(30, 2, 3))
    assert torch.equal(spikes, (uniform((30, 2, 3), seed=first) < 0.5).float())


def test_each_rank_has_a_seed_of_its_own(monkeypatch):
    """From one state of torch's generator, as where each process calls `torch.manual_seed` alike."""
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)

    def seed_of(rank: int) -> int:
        monkeypatch.setattr(torch.distributed, "get_rank", lambda: rank)
        torch.manual_seed(11)
        return int(new_seed())

    assert len({seed_of(rank) for rank in range(4)}) == 4
    assert seed_of(1) == seed_of(1)


@pytest.mark.parametrize("seed", [1.5, True, "1", None, torch.tensor(1.0), torch.tensor([1]), torch.tensor(1).int()])
def test_wrong_seed(seed):
    with pytest.raises(TypeError, match="seed"):
        as_seed(seed)


def test_wrong_arguments():
    with pytest.raises(ValueError, match="seed"):
        uniform((2, 3), seed=2**63)
    with pytest.raises(TypeError, match=r"^step: an int or a 0-d int64 tensor is needed, found float"):
        uniform((2, 3), seed=0, step=0.5)
    with pytest.raises(TypeError, match=r"^data: an int or a 0-d int64 tensor is needed, found str"):
        fold(0, "layer")
    with pytest.raises(ValueError, match="shape"):
        uniform((2,), seed=0)
    with pytest.raises(ValueError, match="backend"):
        uniform((2, 3), seed=0, backend="fft")
