"""The cochlea's stages against the authors' program, and the kernels against the reference."""

import lauscher_cochlea as oracle
import numpy as np
import pytest

from spikescan import native
from spikescan.audio import _constants, _membrane, _native, _reference, _reference_bank, _state, _velocity, cochlea
from spikescan.audio._bank import Bank

SAMPLES = 9598  # 0.2 s, a length that needs no padding
CELLS = _constants.cells(24_000)


@pytest.fixture(scope="module")
def velocity():
    oracle.lauscher()
    t = np.arange(SAMPLES) / 48_000
    noise = np.random.default_rng(0).normal(size=SAMPLES)
    return oracle.velocity(oracle.prepared(np.sin(2 * np.pi * (200 * t + 15_000 * t**2)) + 0.3 * noise))


@pytest.fixture(scope="module")
def sound():
    oracle.lauscher()
    return np.random.default_rng(1).normal(size=SAMPLES)


def near(found, expected, floor):
    assert found.shape == expected.shape
    size = np.abs(expected)
    assert (np.abs(found - expected) <= 1e-4 * np.maximum(size, floor * size.max())).all()


def lanes(values):
    return np.pad(values, [(0, 0), (0, 64 - values.shape[1])]).astype(np.float32)


def test_loudness_and_window(sound):
    near(cochlea.windowed(cochlea.normalised(sound)), oracle.prepared(sound), 1e-3)


def test_basilar_membrane(sound):
    prepared = oracle.prepared(sound)
    expected = oracle.velocity(prepared)
    near(_membrane.basilar_membrane(prepared, 48_000, 16), expected, 1e-6)
    ((first, fast),) = _velocity.Table(16, 48_000).velocities(prepared, 64)
    assert first == 0
    near(fast.numpy(), expected, 0.1)


def test_hair_cells(velocity):
    expected = oracle.probability(velocity)
    near(_reference.hair_cell(velocity, CELLS, _state.at_rest(CELLS, 16, dtype=np.float64)), expected, 1e-6)
    bank = Bank(CELLS, 16, 64, 0)
    near(bank.probabilities(bank.at_rest(), "velocity", lanes(velocity))[:, :16], expected, 1e-2)


@pytest.mark.skipif(native.missing() is not None, reason="there are no CPU kernels to test")
def test_kernels_give_the_spikes_of_the_reference(velocity):
    bank, seen = Bank(CELLS, 16, 64, 5), []
    for body in (_reference_bank, _native):
        state = bank.at_rest()
        seen.append((np.sort(body.spikes(bank, state, "velocity", 3 * lanes(velocity))), state))
    assert len(seen[0][0]) > 5
    assert np.array_equal(seen[0][0], seen[1][0])
    for name in ("pools", "bushy", "ready", "silent"):
        assert np.array_equal(getattr(seen[0][1], name), getattr(seen[1][1], name)), name


def test_bushy_cells_are_the_authors_for_the_same_fibres():
    oracle.lauscher()
    stimuli = np.random.default_rng(2).random((4000, 40)) < 0.01
    state = _state.at_rest(CELLS, 1, dtype=np.float64)
    found = _reference.bushy_cell(stimuli.sum(axis=1, dtype=np.float64)[:, None], CELLS, state)[:-1, 0]
    assert found.sum() > 5
    assert np.array_equal(found, oracle.bushy(stimuli)[:-1] > 0)


def test_bushy_spikes_are_distributed_as_the_authors():
    from scipy.stats import ks_2samp

    oracle.lauscher()
    p = np.full((6000, 64), 0.012, np.float32)
    bank = Bank(CELLS, 64, 64, 7)
    codes = bank.spikes(bank.at_rest(), "probability", p)
    ours = [np.diff(codes[codes % 64 == n] // 64) for n in range(64)]
    np.random.seed(3)  # noqa: NPY002  the oracle draws from it
    theirs = [np.flatnonzero(oracle.bushy(oracle.fibres(p[:, 0].astype(float)))) for _ in range(64)]
    other = bank.spikes(bank.at_rest(), "probability", p * np.float32(1.06))
    expected = sum(map(len, theirs))
    assert abs(len(codes) / expected - 1) < 0.03
    intervals = np.concatenate([np.diff(one) for one in theirs])
    assert ks_2samp(np.concatenate(ours), intervals).pvalue > 0.01
    wrong = np.concatenate([np.diff(other[other % 64 == n] // 64) for n in range(64)])
    assert ks_2samp(wrong, intervals).pvalue < 0.001
