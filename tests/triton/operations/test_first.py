"""Each kernel once, forward and backward: what is tried first on a new device, before anything is measured there.

On a GPU the sequence is cut into chunks of time, and no size divides by a block or by four.
"""

import pytest
import torch
from event_cases import dense_product, events_of, gathered, parameters
from oracle import SEED, STEP, assert_same, assert_triton_equals_reference, cotangents, strided
from tolerances import assert_close

import spikescan as ss
from spikescan.networks import SpikingMLP

SHAPE = 70, 2, 9
NEURONS = {
    "gumbel": lambda: ss.SPSN(8e-3, 5e-3, firing="gumbel"),
    "delta": lambda: ss.SPSN(8e-3, firing="delta_tanh", learn_tau=True, learn_threshold=True, features=SHAPE[2]),
    "lif": lambda: ss.LIF(8e-3, learn_tau=True, learn_threshold=True, features=SHAPE[2]),
    "integrator": lambda: ss.LeakyIntegrator(8e-3, 5e-3),
}


def test_draws(device):
    seed, step = (torch.tensor(value, device=device) for value in (SEED, STEP))
    found = ss.random.uniform(SHAPE, seed=seed, step=step, backend="triton")
    assert torch.equal(found.cpu(), ss.random.uniform(SHAPE, seed=SEED, step=STEP, backend="reference"))


@pytest.mark.parametrize("reverse", [False, True])
def test_scan(reverse, device):
    found = []
    for backend in ("triton", "reference"):
        x = strided(SHAPE, torch.float32, device).requires_grad_()
        decay = torch.linspace(0.99, 0.2, SHAPE[2], device=device).requires_grad_()
        v = ss.linear_scan(x, decay, None, reverse, backend)
        cotangents([v]).backward()
        found.append({"v": v, "grad x": x.grad, "grad decay": decay.grad})
    assert_same(*found, torch.float32)


@pytest.mark.parametrize("name", NEURONS)
def test_neuron(name, device):
    assert_triton_equals_reference(lambda features: NEURONS[name](), SHAPE, device, dtype=torch.float32)


def test_estimation(device):
    found = []
    for backend in ("triton", "reference"):
        neuron = ss.MPEPSN(SHAPE[0], backend=backend).to(device)
        x = strided(SHAPE, torch.float32, device, scale=1.5).requires_grad_()
        out = neuron.run(x, seed=SEED)
        cotangents([out.spikes, out.estimation_loss]).backward()
        grads = {f"grad {name}": value.grad for name, value in neuron.named_parameters()}
        found.append({"spikes": out.spikes, "loss": out.estimation_loss, "grad x": x.grad} | grads)
    assert_same(*found, torch.float32)


def test_events(device):
    events = events_of((40, 2, 7), 300)
    operands = parameters(events, SHAPE[2], torch.float32)
    found = gathered(events.to(device), *(operand.to(device) for operand in operands), backend="triton")
    for one, other in zip(found, dense_product(events, *operands), strict=True):
        assert_close(one.cpu(), other)


def test_network(device):
    """A training step on events: the device's kernels against the reference on the CPU, with the same draws."""
    events, found = events_of((40, 2, 7), 100), []
    for where, backend in ((device, "triton"), ("cpu", "reference")):
        torch.manual_seed(0)
        network = SpikingMLP(7, [16, 16], 3, lambda backend=backend: ss.SPSN(backend=backend)).to(where)
        network.readout.backend = backend
        out = network.run(events.to(where) if backend == "triton" else events.dense(), seed=5)
        out.readout.square().sum().backward()
        grads = {f"grad {name}": value.grad.cpu() for name, value in network.named_parameters()}
        spikes = {f"spikes {k}": layer.spikes.cpu() for k, layer in enumerate(out.layers)}
        found.append(spikes | {"readout": out.readout.cpu()} | grads)
    assert_same(*found, torch.float32)
