"""The baselines compute what spikescan's reference computes, in values and gradients: the comparison is of like with
like."""

import numpy as np
import pytest
import torch
from data.data_oracles import scaled_image
from tolerances import assert_close

import spikescan as ss
from spikescan.bench import baselines, published
from spikescan.firing import FIRINGS

SEED, SHAPE = 3, (70, 3, 5)
DRAWING = {name for name, firing in FIRINGS.items() if firing.stochastic}


@pytest.fixture
def x():
    return (2 * torch.randn(SHAPE, dtype=torch.float64) + 1).requires_grad_()


def batch_first(call):
    return lambda x: call(x.transpose(0, 1)).transpose(0, 1)


def assert_same(ours, theirs, x, dtype=torch.float64):
    cotangent = torch.randn(SHAPE, dtype=torch.float64)
    gradients = []
    for call in (ours, theirs):
        out = call(x)
        gradients.append((out, *torch.autograd.grad(out, x, cotangent)))
    for what, a, b in zip(("values", "gradient"), *gradients, strict=True):
        assert_close(a, b, what, dtype=dtype)
    return gradients[0][0]


@pytest.fixture
def same_draws(monkeypatch):
    """torch's generators give the numbers that spikescan's neurons draw."""
    r = ss.random.uniform(SHAPE, seed=SEED).double()

    def bernoulli(rho):
        return ((r if rho.shape == r.shape else r.transpose(0, 1)) < rho).to(rho.dtype)

    def exponential(self):
        logistic = torch.log(r) - torch.log1p(-r)
        gumbels = torch.stack((logistic, torch.zeros_like(logistic)), -1).transpose(0, 1)
        return self.copy_(torch.exp(-gumbels))

    monkeypatch.setattr(torch, "bernoulli", bernoulli)
    monkeypatch.setattr(torch.Tensor, "exponential_", exponential)


def test_fourier_form_of_the_integrator(x):
    ours = ss.LeakyIntegrator(backend="reference")
    assert_same(ours, batch_first(baselines.integrate), x)


def test_every_firing_function_has_a_baseline():
    assert list(baselines.FIRINGS) == list(FIRINGS)


@pytest.mark.parametrize("firing", FIRINGS)
def test_spsn(x, firing, same_draws):
    """To float32's tolerance: a neuron holds its threshold of 0.1 in float32."""
    neuron = ss.SPSN(firing=firing, backend="reference").double()
    spikes = assert_same(
        lambda x: neuron(x, seed=SEED), batch_first(lambda x: baselines.spsn(x, firing)), x, torch.float32
    )
    assert 0 < spikes.mean() < 1


def test_both_lif_loops(x):
    neuron = ss.LIF(backend="reference").double()
    spikes = assert_same(neuron, baselines.lif_unbound, x)
    assert 0.01 < spikes.mean() < 0.9
    assert_same(neuron, batch_first(baselines.lif_indexed), x)


def test_mpe_psn(x, same_draws):
    neuron = ss.MPEPSN(steps=SHAPE[0], backend="reference").double()
    level, kappa = (value.detach().clone().requires_grad_() for value in (neuron.threshold, neuron.kappa))
    out = neuron.run(x, seed=SEED)
    expected = baselines.mpe_psn(x, level, kappa)
    cotangents = torch.randn(SHAPE, dtype=torch.float64), torch.tensor(3.0, dtype=torch.float64)
    ours = torch.autograd.grad((out.spikes, out.estimation_loss), (x, neuron.threshold, neuron.kappa), cotangents)
    theirs = torch.autograd.grad(expected, (x, level, kappa), cotangents)
    for a, b in zip((out.spikes, out.estimation_loss, *ours), (*expected, *theirs), strict=True):
        assert_close(a, b)


def test_the_published_network_is_ours(monkeypatch):
    """Deterministic neurons, the same weights: the same readout."""
    theirs = published.PublishedNetwork(6, (5, 4), 3, lambda x: baselines.spsn(x, "threshold_sigmoid")).double()
    ours = ss.networks.SpikingMLP(6, (5, 4), 3, lambda: ss.SPSN(firing="threshold_sigmoid")).double()
    linears = [*ours.linears, ours.output]
    for a, b in zip(linears, theirs.linears, strict=True):
        a.load_state_dict(b.state_dict())
    x = torch.rand(40, 2, 6, dtype=torch.float64) * 4
    assert_close(theirs(x.transpose(0, 1)).transpose(0, 1), ours(x))


@pytest.mark.parametrize(("factor", "shift"), [(1.0, 0), (1.0, 3), (0.73, -2), (1.29, 5)])
def test_the_affine_image_is_ours(factor, shift):
    """The dense map of the published loader moves the same bins; a few lie within rounding of an edge."""
    picture = np.random.default_rng(0).poisson(1.0, (40, 30)).astype(np.float32)
    found = published.affine(torch.from_numpy(picture), factor, shift).numpy()
    assert np.mean(found == scaled_image(picture, factor, shift)) > 0.97
