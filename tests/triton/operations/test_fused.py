"""Integrate, fire and reset by Triton against the reference: values and every gradient."""

from itertools import product

import pytest
import torch
from oracle import assert_same, assert_triton_equals_reference, everything, strided

import spikescan as ss
from spikescan.firing import SURROGATES, Delta, Escape, Gumbel, Threshold, firing

FIRINGS = sorted(ss.firing.FIRINGS)


def spsn(chosen="bernoulli", learn: bool = True, tau_syn: float | None = 10e-3):
    has_threshold = firing(chosen).default_threshold is not None

    def make(features: int) -> ss.SPSN:
        return ss.SPSN(
            20e-3, tau_syn, firing=chosen, learn_tau=learn, learn_threshold=learn and has_threshold, features=features
        )

    return make


@pytest.mark.parametrize("name", FIRINGS)
def test_every_firing_function(name, device, short_chunks):
    assert_triton_equals_reference(spsn(name), (11, 3, 5), device, padded=True)


LENGTHS = [*product(("bernoulli", "threshold_tanh", "delta_sigmoid"), (1, 2, 64, 65))]


@pytest.mark.parametrize(("name", "steps"), [*LENGTHS, ("bernoulli", 63), ("threshold_tanh", 130)])
def test_lengths_of_time(name, steps, device):
    assert_triton_equals_reference(spsn(name, learn=False), (steps, 2, 3), device, padded=steps % 2 == 0)


@pytest.mark.parametrize("shape", [(3, 1, 1), (3, 1, 4), (3, 2, 130), (2, 300, 1)], ids=str)
@pytest.mark.parametrize("name", ["gumbel", "delta"])
def test_few_and_many_lanes(name, shape, device):
    assert_triton_equals_reference(spsn(name), shape, device)


@pytest.mark.parametrize("name", ["bernoulli", "gumbel", "threshold", "delta_tanh"])
def test_float32_without_learning(name, device, short_chunks):
    assert_triton_equals_reference(spsn(name, learn=False), (18, 2, 8), device, dtype=torch.float32)


@pytest.mark.parametrize("name", ["bernoulli", "threshold", "delta"])
def test_without_a_synapse(name, device, short_chunks):
    assert_triton_equals_reference(spsn(name, tau_syn=None), (19, 3, 5), device, padded=True)


@pytest.mark.parametrize("tau_syn", [None, 0.0, 20e-3, float("inf")], ids=str)
@pytest.mark.parametrize("tau_mem", [0.0, 20e-3, float("inf")], ids=str)
def test_decays_0_1_and_equal(tau_mem, tau_syn, device, short_chunks):
    assert_triton_equals_reference(
        lambda features: ss.LeakyIntegrator(tau_mem, tau_syn), (18, 2, 3), device, padded=True
    )


@pytest.mark.parametrize("chosen", [Gumbel(0.7), Escape(0.3, 0.1, 0.7)], ids=str)
def test_constants(chosen, device):
    assert_triton_equals_reference(spsn(chosen), (5, 2, 6), device)


@pytest.mark.parametrize("surrogate", SURROGATES.values(), ids=SURROGATES.keys())
def test_every_surrogate(surrogate, device, short_chunks):
    for chosen in (Threshold(surrogate=surrogate), Delta("tanh", surrogate)):
        assert_triton_equals_reference(spsn(chosen), (9, 2, 3), device)


def test_deterministic(device):
    for name in ("bernoulli", "gumbel", "escape"):
        neuron = spsn(name)(5)
        neuron.deterministic = True
        assert_triton_equals_reference(lambda features, neuron=neuron: neuron, (6, 2, 5), device)


OPTIONS = list(product(("hard", "soft"), ("leaky", "unit"), (True, False)))


@pytest.mark.parametrize(("reset", "gain", "detach"), OPTIONS, ids=str)
def test_lif(reset, gain, detach, device):
    def make(features: int) -> ss.LIF:
        return ss.LIF(
            3e-3,
            reset=reset,
            input_gain=gain,
            detach_reset=detach,
            learn_tau=True,
            learn_threshold=True,
            features=features,
        )

    assert_triton_equals_reference(make, (13, 2, 3), device, padded=detach)


def test_vanilla_lif(device):
    assert_triton_equals_reference(lambda features: ss.LIF.vanilla(), (7, 4, 33), device, dtype=torch.float32)


AT_THRESHOLD = {
    "lif": lambda: ss.LIF(0.0, None),
    "threshold": lambda: ss.SPSN(0.0, None, firing="threshold", threshold=1.0),
    "delta": lambda: ss.SPSN(0.0, None, firing="delta", threshold=1.0),
    "mpe": ss.MPEPSN,
}


@pytest.mark.parametrize("name", AT_THRESHOLD)
def test_no_spike_at_the_threshold(name, device):
    """A single step, whose potential is the current."""
    neuron = AT_THRESHOLD[name]().to(device)
    neuron.backend = "triton"
    current = torch.tensor([[[1 - 2e-7, 1.0, 1 + 2e-7]]], device=device)
    assert neuron(current, seed=1).flatten().tolist() == [0, 0, 1]


@pytest.mark.parametrize("name", ["gumbel", "threshold", "delta"])
def test_chunks_change_nothing(name, device, monkeypatch):
    from spikescan.scan import _triton

    neuron, current = spsn(name)(3).to(device), strided((26, 2, 3), torch.float64, device)
    monkeypatch.setattr(_triton, "FEW", 0)
    whole = everything(neuron, "triton", current)
    monkeypatch.setattr(_triton, "FEW", 10**9)
    monkeypatch.setattr(_triton, "SHORTEST", 8)
    assert _triton.chunk_length(1, 26, current.device) == 8
    assert_same(everything(neuron, "triton", current), whole, torch.float64)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # of numpy, in the interpreter, for inf - inf
@pytest.mark.parametrize("make", [spsn("bernoulli"), spsn("delta"), lambda n: ss.LIF()], ids=["sb", "delta", "lif"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_finite_shows(make, value, device, short_chunks):
    current = strided((18, 2, 3), torch.float32, device).contiguous()
    current[11, 1, 2] = value
    neuron = make(3).to(device)
    neuron.backend = "triton"
    out = neuron.run(current, seed=1, potentials=True)
    assert out.spikes[11:, 1, 2].isnan().all()
    assert not out.potential[11:, 1, 2].isfinite().any()
    touched = torch.zeros_like(current, dtype=torch.bool)
    touched[11:, 1, 2] = True
    assert out.spikes[~touched].isfinite().all()


def test_no_lanes(device):
    neuron = ss.SPSN(backend="triton").to(device)
    assert neuron(torch.zeros(5, 0, 3, device=device, requires_grad=True), seed=1).shape == (5, 0, 3)
