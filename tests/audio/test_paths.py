"""What stands behind the front ends: threads, the way without kernels, the fitted poles, the resampler."""

import lauscher_cochlea as oracle
import numpy as np
import pytest
import torch

from spikescan import audio, native
from spikescan.audio import _membrane, _native, _poles, _reference, _resample, causal_cochlea, cochlea
from spikescan.audio._bank import Bank
from spikescan.audio._constants import cells

FRONTS = audio.Cochlea(200), audio.CausalCochlea(200), audio.LogMel(32), audio.LogMel(16, "rate")
needs_kernels = pytest.mark.skipif(native.missing() is not None, reason="there are no CPU kernels to test")


def harmonics(seconds, rate=48_000):
    """A voice of 150 Hz."""
    t = np.arange(int(seconds * rate)) / rate
    voice = sum(np.sin(2 * np.pi * 150 * k * t + k * k) / k for k in range(1, 30))
    return (0.2 * voice + 0.02 * np.random.default_rng(0).normal(size=len(t))).astype(np.float32)


@pytest.mark.parametrize("front", FRONTS, ids=lambda front: front.kind)
def test_threads_change_nothing(front):
    threads, found = torch.get_num_threads(), []
    try:
        for number in (1, 2):
            torch.set_num_threads(number)
            found.append(front(harmonics(0.1), 48_000, seed=1))
    finally:
        torch.set_num_threads(threads)
    assert len(found[0].times) > 50
    assert np.array_equal(found[0].times, found[1].times)
    assert np.array_equal(found[0].channels, found[1].channels)


@needs_kernels
@pytest.mark.parametrize("front", FRONTS, ids=lambda front: front.kind)
def test_without_kernels_the_spikes_are_the_same_but_for_rounding(front, monkeypatch):
    sound = harmonics(0.05, 44_100)
    native_spikes = front(sound, 44_100, seed=1)
    monkeypatch.setattr(native, "missing", lambda: "no kernels")
    monkeypatch.setattr(_native, "_run", None)  # would be called in vain
    found = front(sound, 44_100, seed=1)
    places = [set(zip(*map(np.ndarray.tolist, spikes), strict=True)) for spikes in (native_spikes, found)]
    assert len(places[0]) > 20
    assert len(places[0] ^ places[1]) <= 0.02 * len(places[0])


def test_poles_follow_the_membrane():
    channels, rate = 70, 48_000
    decay, weight = _poles.fitted(channels, rate)
    assert (np.abs(decay) < 1).all()
    hertz = np.geomspace(50, 20_000, 400)
    exact = _membrane.response(2 * np.pi * hertz, _membrane.places(channels)[:, None]).conj()
    delay = np.exp(-2j * np.pi * hertz / rate)
    terms = [w[:, :, None] / (1 - d[:, :, None] * delay) for d, w in ((decay, weight), (decay.conj(), weight.conj()))]
    fitted = sum(terms).sum(axis=0) / 2
    error = np.abs(fitted - exact).max(axis=1) / np.abs(exact).max(axis=1)
    assert error[6:].max() < 0.07  # resonances below 16 kHz
    assert error.max() < 0.35
    assert np.median(error) < 0.025


@needs_kernels
def test_membrane_of_the_kernels_is_the_reference():
    poles, sound = causal_cochlea.step_coefficients(64, 48_000), harmonics(0.02).reshape(-1, 2)
    bank = Bank(cells(24_000), 64, 64, 0, poles=poles)
    state = bank.at_rest()
    velocity = _reference.membrane(sound, poles, state)
    expected = _reference.hair_cell(velocity, bank.cells, bank.at_rest())
    found_state = bank.at_rest()
    found = _native.probabilities(bank, found_state, "sound", sound)
    assert np.abs(state.poles).max() > 1
    assert np.abs(found_state.poles - state.poles).max() < 1e-5 * np.abs(state.poles).max()
    assert np.abs(found - expected).max() < 1e-4 * expected.max()


@pytest.mark.parametrize(("rate", "target"), [(8000, 48_000), (44_100, 48_000), (48_000, 16_000)])
def test_resampler_passes_and_stops(rate, target):
    """Within 0.1 dB to 86 % of the lower Nyquist frequency, 80 dB down from that on."""
    lower, t = min(rate, target) / 2, np.arange(rate // 4) / rate

    def amplitude(tone):
        out = _resample.resample(tone.astype(np.float32), rate, target).astype(float)
        return np.sqrt(2 * np.mean(out[len(out) // 4 : -len(out) // 4] ** 2))

    assert abs(amplitude(np.sin(2 * np.pi * 0.5 * lower * t)) - 1) < 0.001
    assert abs(20 * np.log10(amplitude(np.sin(2 * np.pi * 0.855 * lower * t)))) < 0.1
    if target < rate:
        assert 20 * np.log10(amplitude(np.sin(2 * np.pi * 1.01 * lower * t))) < -80
        return
    out = _resample.resample(np.sin(2 * np.pi * 0.8 * lower * t).astype(np.float32), rate, target)
    spectrum = np.abs(np.fft.rfft(out * np.hanning(len(out)) ** 2))
    images = np.fft.rfftfreq(len(out), 1 / target) >= lower
    assert 20 * np.log10(spectrum[images].max() / spectrum.max()) < -80


def test_spikes_are_as_many_as_the_authors():
    """In four groups of channels; both are drawn, so that the bound is three standard errors."""
    oracle.lauscher()
    sound = harmonics(0.19995)
    p = oracle.probability(oracle.velocity(oracle.prepared(sound.astype(float))))
    np.random.seed(4)  # noqa: NPY002  the oracle draws from it
    draws, front = 8, audio.Cochlea(oracle.CHANNELS)
    theirs = np.array([[oracle.bushy(oracle.fibres(one)).sum() for one in p.T] for _ in range(draws)])
    ours = np.array([np.bincount(front(sound, 48_000, seed=n).channels, minlength=16) for n in range(4 * draws)])
    for group in [slice(4 * n, 4 * n + 4) for n in range(4)] + [slice(16)]:
        expected, found = theirs[:, group].sum(axis=1), ours[:, group].sum(axis=1)
        error = np.sqrt(
            expected.mean() / draws + found.mean() / len(found)
        )  # at most: spikes are no burstier than chance
        assert abs(found.mean() - expected.mean()) < 3 * error
    assert theirs.sum() > 200


def test_blocks_of_channels_bound_the_memory(monkeypatch):
    """What is held at once are some blocks, whatever the number of channels."""
    seen = []
    spikes = Bank.spikes
    monkeypatch.setattr(Bank, "spikes", lambda bank, *rest: seen.append(bank.lanes) or spikes(bank, *rest))
    audio.Cochlea(700)(harmonics(0.02), 48_000)
    assert max(seen) <= cochlea.BLOCK * native.threads()
    assert sum(seen) == 704
