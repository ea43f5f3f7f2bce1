"""Firing functions: spikes and gradients by their formulas, with given draws."""

import numpy as np
import oracles
import pytest
import torch
from tolerances import assert_close

import spikescan as ss
from spikescan import firing

U = np.linspace(-4, 4, 801)
R = np.random.default_rng(0).uniform(0.001, 0.999, U.size)
F = {
    "identity": (U, np.ones_like(U)),
    "sigmoid": (oracles.sigmoid(U), oracles.sigmoid(U) * oracles.sigmoid(-U)),
    "tanh": (np.tanh(U), 1 - np.tanh(U) ** 2),
    "relu_tanh": (np.maximum(np.tanh(U), 0), np.where(U > 0, 1 - np.tanh(U) ** 2, 0)),
}


def fast_sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (100 * np.abs(z) + 1) ** 2


def fired(function: firing.Firing, previous: np.ndarray | None = None, threshold: float | None = None):
    """Spikes and ∂(sum of spikes)/∂u."""
    u = torch.tensor(U, requires_grad=True)
    before = torch.zeros_like(u) if previous is None else torch.tensor(previous)
    draws = torch.tensor(R) if function.stochastic else None
    level = function.default_threshold if threshold is None else threshold
    spikes = function(u, before, draws, None if level is None else torch.tensor(level, dtype=torch.float64))
    spikes.sum().backward()
    return spikes.detach(), u.grad


def assert_fires(function, spikes: np.ndarray, slope: np.ndarray, **options) -> None:
    found, gradient = fired(function, **options)
    assert torch.equal(found, torch.tensor(spikes.astype(float)))
    assert_close(gradient, torch.tensor(slope))


def test_bernoulli():
    assert_fires(firing.Bernoulli(), *oracles.bernoulli(U, R))
    rho, slope = F["relu_tanh"]
    assert_fires(firing.Bernoulli("relu_tanh"), rho > R, rho * slope)


def test_gumbel():
    assert_fires(firing.Gumbel(), *oracles.gumbel(U, R))
    y = oracles.sigmoid((2 * U + np.log(R / (1 - R))) / 0.25)
    assert_fires(firing.Gumbel(0.25), y > 0.5, (2 / 0.25) * y * (1 - y))


def test_gumbel_is_the_two_class_gumbel_softmax():
    """With g1 - g0 = L: softmax((u + g1)/τ, (-u + g0)/τ) = σ((2u + L)/τ), and its argmax."""
    g1, g0 = -np.log(-np.log(np.random.default_rng(1).uniform(size=(2, U.size))))
    r = oracles.sigmoid(g1 - g0)
    logits = np.stack([U + g1, -U + g0])
    soft = np.exp(logits) / np.exp(logits).sum(0)
    spikes = firing.Gumbel()(*(torch.tensor(value) for value in (U, U, r)), None)
    assert torch.equal(spikes, torch.tensor((soft[0] > soft[1]).astype(float)))


@pytest.mark.parametrize(("a", "b", "c"), [(1.0, 1.0, 1.0), (0.5, 0.2, 0.3), (4.0, -1.0, 2.0)])
def test_escape(a, b, c):
    rate = np.exp((U - b) / c) / a
    assert_fires(firing.Escape(a, b, c), np.minimum(rate, 1) > R, np.where(rate < 1, rate**2 / c, 0))


@pytest.mark.parametrize("activation", F)
def test_threshold(activation):
    f, slope = F[activation]
    z = f - 0.3
    assert_fires(firing.Threshold(activation, threshold=0.3), z > 0, fast_sigmoid(z) * slope)


@pytest.mark.parametrize("activation", F)
def test_delta(activation):
    f, slope = F[activation]
    before = np.roll(np.arange(U.size), 7)
    z = f - f[before] - 0.1001
    assert_fires(firing.Delta(activation), z > 0, fast_sigmoid(z) * slope, previous=U[before], threshold=0.1001)


def at_threshold(function: firing.Firing) -> float:
    """The spike where what is compared is exactly the threshold."""
    zero = torch.zeros(1)
    level = {"sigmoid": 0.5}.get(getattr(function, "activation", ""), 0.0)
    level = 0.0 if isinstance(function, firing.Delta) else level
    return function(zero, zero, torch.full((1,), 0.5), torch.tensor([level])).item()


@pytest.mark.parametrize("name", sorted(firing.FIRINGS))
def test_no_spike_at_the_threshold(name):
    assert name == "escape" or at_threshold(firing.FIRINGS[name]) == 0  # escape: exp(-1) < 1/2 as well
    assert firing.Escape(a=2.0, b=0.0)(*(torch.zeros(1),) * 2, torch.full((1,), 0.5), None).item() == 0


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("name", sorted(firing.FIRINGS))
def test_a_bad_potential_is_not_hidden(name, value):
    function, u = firing.FIRINGS[name], torch.tensor([0.3, value, 0.2])
    level = torch.tensor(function.default_threshold) if function.default_threshold is not None else None
    spikes = function(u, torch.zeros(3), torch.full((3,), 0.5), level)
    assert spikes.isnan().tolist() == [False, True, False]


def test_choice_and_bad_options():
    mine = firing.Gumbel(2.0)
    assert firing.firing(mine) is mine
    with pytest.raises(ValueError, match="firing: 'poisson' is not one of bernoulli"):
        ss.SPSN(firing="poisson")
    with pytest.raises(TypeError, match="firing"):
        ss.SPSN(firing=3)
    with pytest.raises(ValueError, match="temperature"):
        firing.Gumbel(0.0)
    with pytest.raises(ValueError, match="a, c"):
        firing.Escape(c=-1.0)
    for made in (firing.Bernoulli, firing.Threshold, firing.Delta):
        with pytest.raises(ValueError, match="activation"):
            made("softplus")
