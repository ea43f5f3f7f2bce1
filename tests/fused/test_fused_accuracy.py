"""exp, sigmoid and tanh of the kernels as gradients show them, against numpy in float64; what 16 bits keep of them."""

import numpy as np
import pytest
import torch
from helpers import name

import spikescan as ss
from spikescan.firing import Bernoulli, Escape, Threshold

each_dtype = pytest.mark.parametrize(("dtype", "bound"), [(torch.float32, 1e-6), (torch.float64, 4e-15)], ids=name)
COUNT = 100_001


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def gradient(fire, potential: np.ndarray, dtype: torch.dtype, **options) -> np.ndarray:
    """Of one step's spikes with respect to the current, which is the potential of a neuron that forgets everything."""
    current = torch.tensor(potential, dtype=dtype).view(1, 1, -1).requires_grad_()
    spikes = ss.SPSN(0.0, None, firing=fire, backend="native", **options)(current, seed=1)
    (found,) = torch.autograd.grad(spikes.sum(), current)
    return found.numpy().ravel().astype(np.float64)


def rounded(x: np.ndarray, dtype: torch.dtype) -> np.ndarray:
    return torch.tensor(x, dtype=dtype).double().numpy()


@each_dtype
def test_exp(dtype, bound):
    """exp(2u), of an escape rate that is below 1."""
    u = rounded(np.concatenate([np.linspace(-40, -1e-3, COUNT), np.linspace(-1, -1e-3, COUNT)]), dtype)
    assert np.abs(gradient(Escape(1.0, 0.0, 1.0), u, dtype) / np.exp(2 * u) - 1).max() < bound


@each_dtype
def test_sigmoid(dtype, bound):
    """ρ²(1 - ρ): relative to ρ², since 1 - ρ is rounded where ρ is near 1."""
    u = rounded(np.linspace(-30, 30, COUNT), dtype)
    rho = sigmoid(u)
    error = np.abs(gradient(Bernoulli(), u, dtype) - rho**2 * (1 - rho))
    assert (error / rho**2).max() < bound


@each_dtype
def test_tanh(dtype, bound):
    """ρ(1 - ρ²) where ρ = tanh(u) > 0."""
    u = rounded(np.linspace(-3, 20, COUNT), dtype)
    rho = np.maximum(0, np.tanh(u))
    assert np.abs(gradient(Bernoulli("relu_tanh"), u, dtype) - rho * (1 - rho**2)).max() < bound


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=name)
@pytest.mark.parametrize(
    "fire", [Bernoulli(), Bernoulli("relu_tanh"), Threshold("sigmoid"), Threshold("tanh")], ids=str
)
def test_far_out_a_saturated_neuron_has_no_gradient(fire, dtype):
    found = gradient(fire, np.array([-1e30, -1000, 1000, 1e30]), dtype)
    assert np.abs(found).max() < 1e-30


def test_far_out_spikes_are_certain():
    x = torch.tensor([-1e30, -1000, 1000, 1e30]).view(1, 1, 4)
    for fire in ("bernoulli", "bernoulli_relu_tanh", "gumbel", "escape", "threshold_sigmoid", "threshold_tanh"):
        assert ss.SPSN(0.0, None, firing=fire, backend="native")(x, seed=1).flatten().tolist() == [0, 0, 1, 1]


def test_half_memory_keeps_gradients_rounded_to_float16():
    """Where they are positive, at least the smallest number of float16."""
    u = np.linspace(-20, -1e-3, COUNT)
    full, half = (gradient(Escape(1.0, 0.0, 1.0), u, torch.float32, memory=memory) for memory in ("full", "half"))
    expected = np.maximum(full.astype(np.float16).astype(np.float64), 2.0**-24)
    assert np.array_equal(half, expected)
    assert (full < 2.0**-25).any()


@pytest.mark.parametrize("c", [6e4, 7e4, 1e30])
def test_half_memory_keeps_what_is_too_large_as_the_largest_float16(c):
    """The derivative of an escape rate just below 1 is nearly c."""
    u = np.array([-1e-3, -1e-2]) / c
    full, half = (gradient(Escape(1.0, 0.0, 1 / c), u, torch.float32, memory=memory) for memory in ("full", "half"))
    assert np.array_equal(half, full.clip(max=65504).astype(np.float16).astype(np.float64)), (full, half)
    assert (full > 0.9 * c).all()


@pytest.mark.parametrize("fire", [Bernoulli(), Threshold(), "threshold_tanh", "delta", "delta_sigmoid"], ids=str)
def test_half_memory_does_not_hide_a_nan(fire):
    found = gradient(fire, np.array([np.nan, 0.3]), torch.float32, memory="half")
    assert np.isnan(found).tolist() == [True, False]


@pytest.mark.parametrize("bits", [0x7FC00000, -0x400000, 0x7FC00001, 0x7FFFFFFF], ids=hex)
@pytest.mark.parametrize("fire", ["bernoulli", "bernoulli_relu_tanh", "gumbel", "threshold_sigmoid", "delta_sigmoid"])
def test_a_gradient_shows_every_kind_of_nan(fire, bits):
    """The second as processors make it, the last as torch widens that of float16."""
    current = torch.tensor([bits], dtype=torch.int32).view(torch.float32).view(1, 1, 1).requires_grad_()
    spikes = ss.SPSN(firing=fire, backend="native")(current, seed=1)
    assert spikes.isnan().all()
    assert torch.autograd.grad(spikes.sum(), current)[0].isnan().all()
