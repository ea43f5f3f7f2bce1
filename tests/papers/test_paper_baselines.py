"""The timed baselines compute what the neurons of the package compute."""

import pytest
import torch

import spikescan as ss
from spikescan.papers import _baselines
from spikescan.papers._baselines import DT, LAYERS, TAU, installed


def gradient(layer, x, cotangent):
    x = x.clone().requires_grad_()
    out = layer(x)
    out.backward(cotangent)
    return out.detach(), x.grad


@pytest.mark.parametrize("loop", [_baselines.indexing_loop, LAYERS["LIF, unbind loop"]()])
def test_both_loops_are_the_published_lif(loop):
    x, cotangent = 3 * torch.randn(40, 3, 5).double(), torch.randn(40, 3, 5).double()
    ours = gradient(ss.LIF(TAU, TAU, DT, backend="reference"), x, cotangent)
    assert ours[0].sum() > 10
    for found, expected in zip(gradient(loop, x, cotangent), ours, strict=True):
        torch.testing.assert_close(found, expected)


def test_the_fourier_form_fires_as_often_as_the_neuron_and_has_its_gradient(monkeypatch):
    x, cotangent = torch.randn(50, 200, 5).double(), torch.randn(50, 200, 5).double()
    draws = ss.random.uniform(x.shape, seed=3).transpose(0, 1)  # the published form has the batch first
    monkeypatch.setattr(torch, "bernoulli", lambda rho: (draws < rho).to(rho.dtype))
    ours = gradient(lambda x: ss.SPSN(TAU, TAU, DT, backend="reference")(x, seed=3), x, cotangent)
    for found, expected in zip(gradient(_baselines.fourier_spsn, x, cotangent), ours, strict=True):
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_spikes_and_has_a_gradient(name):
    if name not in installed():
        pytest.skip(f"{name} is not installed")
    x = 3 + torch.randn(30, 2, 4)
    spikes, found = gradient(LAYERS[name](), x, torch.randn_like(x))
    assert spikes.shape == x.shape
    assert set(spikes.unique().tolist()) == {0.0, 1.0}
    assert found.isfinite().all()
    assert found.abs().sum() > 0
