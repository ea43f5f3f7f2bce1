"""How often and how independently the stochastic neurons fire, each test with a negative control."""

import math

import pytest
import torch

import spikescan as ss
from spikescan import firing

SHAPE = 1000, 8, 64


def sigma(x: float) -> float:
    return 1 / (1 + math.exp(-x))


PROBABILITY = {
    "bernoulli": sigma,
    "gumbel": lambda u: sigma(2 * u),
    "bernoulli_relu_tanh": lambda u: max(math.tanh(u), 0),
    "escape": lambda u: min(1, math.exp(u - 1)),
}


def spikes_at(u: float, fire, seed: int = 17) -> torch.Tensor:
    """Spikes of neurons that forget at once, so that the potential is the current."""
    return ss.SPSN(0.0, None, firing=fire)(torch.full(SHAPE, u), seed=seed)


def deviation(spikes: torch.Tensor, probability: float) -> float:
    """Of the number of spikes, in its standard deviations."""
    spread = math.sqrt(max(probability * (1 - probability), 1e-30) / spikes.numel())
    return (spikes.double().mean().item() - probability) / spread


@pytest.mark.parametrize("fire", PROBABILITY)
@pytest.mark.parametrize("u", [-1.5, -0.3, 0.0, 0.4, 0.9])
def test_probability(fire, u):
    spikes, probability = spikes_at(u, fire), PROBABILITY[fire](u)
    assert abs(deviation(spikes, probability)) < 5
    assert abs(deviation(spikes, 0.93 * probability + 0.001)) > 5  # negative control


@pytest.mark.parametrize("temperature", [0.2, 1.0, 5.0])
def test_temperature_does_not_change_the_probability(temperature):
    assert abs(deviation(spikes_at(0.4, firing.Gumbel(temperature)), sigma(0.8))) < 5
    assert abs(deviation(spikes_at(0.4, firing.Gumbel(temperature)), sigma(0.4))) > 5  # SB's: negative control


@pytest.mark.parametrize("backend", ["reference", "native"])
def test_mean_gradient_of_gumbel_at_rest(backend):
    """y is uniform at u = 0, and the mean of 2 y (1 - y) is 1/3; its spread is 1/sqrt(45)."""
    current = torch.zeros(SHAPE, requires_grad=True)
    ss.SPSN(0.0, None, firing="gumbel", backend=backend)(current, seed=4).sum().backward()
    spread = math.sqrt(1 / 45 / current.numel())
    assert abs(current.grad.double().mean().item() - 1 / 3) < 5 * spread
    assert abs(current.grad.double().mean().item() - 0.34) > 5 * spread


@pytest.mark.parametrize("fire", ["bernoulli", "gumbel"])
def test_spikes_are_independent(fire):
    centred = spikes_at(0.2, fire).double()
    centred = (centred - centred.mean()) / centred.std()
    neighbours = [(centred[1:], centred[:-1]), (centred[:, 1:], centred[:, :-1])]
    neighbours += [(centred[..., lag:], centred[..., :-lag]) for lag in (1, 2, 4)]
    for a, b in neighbours:
        assert abs((a * b).mean().item() * math.sqrt(a.numel())) < 5
    sticky = torch.where(torch.rand(centred[1:].shape) < 0.02, centred[:-1], centred[1:])  # negative control
    assert abs((sticky[1:] * sticky[:-1]).mean().item() * math.sqrt(sticky.numel())) > 5


def test_mpe_psn_draws_its_estimate():
    """Current -1: the charge at step 1 is -1 - τ·(1 - ô); with the threshold between, o counts the ô of step 0."""
    neuron = ss.MPEPSN(decay=0.25, threshold=-1.1)
    fired = neuron(torch.full((2, 100, 5000), -1.0), seed=6)[1]
    assert abs(deviation(fired, sigma(-1))) < 5
    assert abs(deviation(fired, 0.98 * sigma(-1))) > 5
