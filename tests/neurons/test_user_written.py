"""Firing functions and surrogates that a user writes in a file of their own."""

import pytest
import torch
from agreement import assert_agree

import spikescan as ss
from spikescan import firing


class Cubic(firing.Firing):
    """ρ = σ(u³ - threshold), with the straight-through gradient of ρ."""

    stochastic = True

    @property
    def default_threshold(self) -> float:
        return 0.2

    def __call__(self, potential, previous, uniform, threshold):
        assert potential.shape == previous.shape
        rho = torch.sigmoid(potential**3 - threshold)
        return firing.straight_through((0.5 if uniform is None else uniform.to(rho.dtype)) < rho, rho)


class Rising(firing.Firing):
    """Fires where the potential rose: uses the step before."""

    def __call__(self, potential, previous, uniform, threshold):
        assert uniform is None
        return firing.straight_through(potential > previous, potential - previous)


class Gauss(firing.Surrogate):
    def derivative(self, distance):
        return torch.exp(-(distance**2))


class Plain:
    """No subclass: a method `derivative` is enough."""

    def derivative(self, distance):
        return 1 / (1 + distance.abs())


@pytest.mark.parametrize("backend", ["auto", "native", "fft"])
@pytest.mark.parametrize("fire", [Cubic(), Rising(), firing.Threshold(surrogate=Gauss(), threshold=0.2)])
def test_a_firing_function(fire, backend):
    learn = fire.default_threshold is not None
    neuron = ss.SPSN(8e-3, 5e-3, firing=fire, learn_tau=True, learn_threshold=learn, features=5)
    lengths = torch.tensor([40, 0, 17])
    spikes = assert_agree(neuron, torch.randn(40, 3, 5, dtype=torch.float64), backend=backend, lengths=lengths)
    assert 0.02 < spikes.mean() < 0.9


def test_its_draws_are_the_neurons():
    x = torch.zeros(9, 2, 5)
    spikes = ss.SPSN(firing=Cubic(), threshold=0.0)(x, seed=4)
    assert torch.equal(spikes, (ss.random.uniform(x.shape, seed=4) < 0.5).float())
    assert not ss.SPSN(firing=Cubic(), deterministic=True)(x).any()


def test_it_can_be_registered(monkeypatch):
    monkeypatch.setitem(firing.FIRINGS, "cubic", Cubic())
    x = torch.randn(9, 2, 5)
    assert torch.equal(ss.SPSN(firing="cubic")(x, seed=1), ss.SPSN(firing=Cubic())(x, seed=1))


def test_they_print_as_they_are_made():
    assert repr(Cubic()) == "Cubic()"
    assert "surrogate=Gauss()" in repr(firing.Threshold(surrogate=Gauss()))
    assert repr(firing.Bernoulli()) == "Bernoulli(activation='sigmoid')"


@pytest.mark.parametrize("mine", [Gauss(), Plain()])
def test_a_surrogate(mine):
    lif, x = ss.LIF(0.0, None, surrogate=mine), torch.tensor([[[0.3, 1.0, 1.9]]], requires_grad=True)
    lif(x).sum().backward()
    assert torch.equal(x.grad, mine.derivative(x.detach() - 1))
    assert_agree(ss.LIF(8e-3, surrogate=mine), torch.randn(30, 2, 4), backend="auto")
    with pytest.raises(ValueError, match=r"^backend: 'native' has no kernel for"):
        ss.LIF(surrogate=mine, backend="native")(x)
