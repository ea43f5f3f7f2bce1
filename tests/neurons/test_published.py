"""Each neuron against its published formulation in float64, each value to 1e-4."""

import math

import numpy as np
import oracles
import pytest
import torch
from helpers import name, strided
from tolerances import FLOOR, assert_close

import spikescan as ss

TAU_MEM, TAU_SYN, DT = 12e-3, 7e-3, 1e-3
ALPHA, BETA = math.exp(-DT / TAU_SYN), math.exp(-DT / TAU_MEM)
RELATIVE = 1e-4
SEED = 21

each_backend = pytest.mark.parametrize("backend", ["reference", "fft", "native"])
each_steps = pytest.mark.parametrize("steps", [1, 2, 65, 400])
each_dtype = pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=name)


def current(steps: int, dtype: torch.dtype, scale: float = 2.0) -> torch.Tensor:
    return strided(scale * torch.randn(steps, 3, 6) + 0.2).to(dtype).requires_grad_()


def assert_published(
    found: torch.Tensor, expected: np.ndarray, what: str, keep: np.ndarray | bool = True, floor: float = FLOOR
) -> None:
    keep = torch.as_tensor(keep)
    assert_close(found * keep, torch.tensor(expected) * keep, what, tolerance=RELATIVE, floor=floor)


@each_backend
@each_dtype
@each_steps
def test_leaky_integrator(backend, dtype, steps):
    x = current(steps, dtype)
    u = ss.LeakyIntegrator(TAU_MEM, TAU_SYN, DT, backend=backend)(x)
    assert_published(u, oracles.integrate(x.detach().numpy(), ALPHA, BETA), "potential")
    cotangent = torch.randn_like(u)
    u.backward(cotangent)
    assert_published(x.grad, oracles.integrate_adjoint(cotangent.double().numpy(), ALPHA, BETA), "gradient")


@each_backend
def test_slow_membranes(backend):
    """tau = 1000 s: in float32, 1 - β has no digits left."""
    x = current(200, torch.float32)
    u = ss.LeakyIntegrator(1000.0, TAU_SYN, DT, backend=backend)(x)
    assert_published(u, oracles.integrate(x.detach().numpy(), ALPHA, math.exp(-1e-6)), "potential")


@each_backend
@pytest.mark.parametrize("firing", ["bernoulli", "gumbel"])
@each_dtype
@each_steps
def test_spsn(backend, firing, dtype, steps):
    x = current(steps, dtype)
    out = ss.SPSN(TAU_MEM, TAU_SYN, DT, firing, backend=backend).run(x, seed=SEED, potentials=True)
    u = oracles.integrate(x.detach().double().numpy(), ALPHA, BETA)
    r = ss.random.uniform(x.shape, seed=SEED).double().numpy()
    spikes, slope = getattr(oracles, firing)(u, r)
    probability = oracles.sigmoid(u if firing == "bernoulli" else 2 * u)
    clear = (np.abs(r - probability) > 1e-5).all(0)
    assert clear.mean() > 0.8
    assert_published(out.potential, u, "potential")
    assert torch.equal(out.spikes * torch.tensor(clear), torch.tensor(spikes * clear).to(dtype))
    cotangent = torch.randn_like(out.spikes)
    out.spikes.backward(cotangent)
    expected = oracles.integrate_adjoint(cotangent.double().numpy() * slope, ALPHA, BETA)
    assert_published(x.grad, expected, "gradient")


@pytest.mark.parametrize("backend", ["reference", "native"])
@each_dtype
@each_steps
def test_lif(backend, dtype, steps):
    x = current(steps, dtype, 4.0)
    out = ss.LIF(TAU_MEM, TAU_SYN, DT, backend=backend).run(x, potentials=True)
    spikes, before = oracles.lif(x.detach().double().numpy(), ALPHA, BETA)
    clear = (np.abs(before - 1) > 1e-5).all(0)
    assert clear.mean() > 0.8
    assert steps < 60 or 0.01 < spikes.mean() < 0.5
    assert torch.equal(out.spikes * torch.tensor(clear), torch.tensor(spikes * clear).to(dtype))
    assert_published(out.potential, before * (1 - spikes), "potential", clear)
    cotangent = torch.randn_like(out.spikes)
    out.spikes.backward(cotangent)
    expected = oracles.lif_adjoint(cotangent.double().numpy(), spikes, before, ALPHA, BETA)
    # Θ′ is so steep that float32's rounding of a potential changes small gradients by more.
    assert_published(x.grad, expected, "gradient", clear, floor=1.0 if dtype == torch.float32 else FLOOR)


@pytest.mark.parametrize("backend", ["reference", "native"])
def test_vanilla_lif(backend):
    """v ← τ v + I; o = Θ(v - 1); v ← v (1 - o), with the gradient through the reset."""
    x = current(65, torch.float64, 1.0)
    x_again = x.detach().clone().requires_grad_()
    spikes = ss.LIF.vanilla(0.25, backend=backend)(x)
    v, expected = torch.zeros(3, 6, dtype=torch.float64), []
    for now in x_again:
        v = 0.25 * v + now
        expected.append(oracles.Triangle.apply(v - 1))
        v = v * (1 - expected[-1])
    expected = torch.stack(expected)
    assert torch.equal(spikes, expected)
    assert 0.05 < spikes.mean() < 0.5
    cotangent = torch.randn_like(x)
    torch.autograd.backward([spikes, expected], [cotangent, cotangent])
    assert_close(x.grad, x_again.grad)


@pytest.mark.parametrize("backend", ["reference", "native"])
@pytest.mark.parametrize("estimate", ["previous", "current"])
@pytest.mark.parametrize("deterministic", [False, True])
@pytest.mark.parametrize("steps", [2, 4, 16, 65])
def test_mpe_psn(backend, estimate, deterministic, steps):
    x = current(steps, torch.float64, 1.0)
    neuron = ss.MPEPSN(steps, estimate=estimate, deterministic=deterministic, backend=backend).double()
    assert len(neuron.kappa) == (steps if estimate == "previous" else steps - 1)
    assert_close(neuron.kappa, torch.full_like(neuron.kappa, 1 / len(neuron.kappa)), dtype=torch.float32)
    with torch.no_grad():
        neuron.kappa.add_(torch.rand_like(neuron.kappa))
        neuron.threshold.fill_(0.7)
    out = neuron.run(x, seed=SEED, potentials=True)
    inputs = x, neuron.threshold, neuron.kappa
    copies = [value.detach().clone().requires_grad_() for value in inputs]
    r = None if deterministic else ss.random.uniform(x.shape, seed=SEED)
    expected = oracles.mpe(*copies, estimate, r)
    found = out.spikes, out.potential, out.estimation_loss
    cotangents = torch.randn_like(x), torch.randn_like(x), torch.tensor(3.0).double()
    assert torch.equal(found[0], expected[0])
    for what, a, b in zip(("spikes", "potential", "loss"), found, expected, strict=True):
        assert_close(a, b, what)
    gradients = [torch.autograd.grad(out, of, cotangents) for out, of in ((found, inputs), (expected, copies))]
    for what, a, b in zip(("current", "threshold", "kappa"), *gradients, strict=True):
        assert_close(a, b, f"gradient of {what}")


@pytest.mark.parametrize("backend", ["reference", "fft", "native"])
def test_gradcheck_of_the_leaky_integrator(backend):
    """Current, both learned decays and both states, by finite differences."""
    neuron = ss.LeakyIntegrator(TAU_MEM, TAU_SYN, DT, learn_tau=True, features=2, backend=backend).double()
    shapes = {"x": (4, 2, 2), "i": (2, 2), "u": (2, 2), "syn": (2,), "mem": (2,)}
    inputs = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes.values()]

    def function(x, i, u, syn, mem):
        parameters = {"neuron.decay_syn.logit": syn, "neuron.decay_mem.logit": mem}
        out = torch.func.functional_call(Run(neuron), parameters, (x, i, u))
        return out.potential, out.state.synapse, out.state.potential

    assert torch.autograd.gradcheck(function, inputs)


class Run(torch.nn.Module):
    """`run` as a module's call, for functional_call."""

    def __init__(self, neuron: ss.Neuron) -> None:
        super().__init__()
        self.neuron = neuron

    def forward(self, x, synapse, potential):
        return self.neuron.run(x, ss.State(synapse, potential))
