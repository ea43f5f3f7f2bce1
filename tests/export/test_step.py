"""One step, repeated, is the network over the sequence."""

from functools import partial

import pytest
import torch
from export_nets import CLASSES, INPUTS, NEURONS, WITHOUT_NODE, currents, fires, mlp, trained
from tolerances import assert_close

import spikescan as ss
from spikescan.export._step import NetworkStep
from spikescan.networks import VGG, ConvNet, GestureNet, ResNet19, SpikingMLP

SENSOR = (2, 10, 12)
FRAMES = {
    "conv": lambda neuron: ConvNet((4, "max", 5, "average"), 3, neuron, sensor=SENSOR, votes=2),
    "resized": lambda neuron: ConvNet((4, "average", 5), 3, neuron, sensor=SENSOR, size=6, bias=True),
    "gesture": lambda neuron: GestureNet(3, neuron, width=4, hidden=(8,), sensor=SENSOR, size=32),
    "vgg": lambda neuron: VGG(3, neuron, width=2, sensor=SENSOR, size=16),
    "resnet19": lambda neuron: ResNet19(3, neuron, width=2, sensor=SENSOR, size=8, steps=None),
}


@torch.no_grad()
def stepwise(step, x):
    """Readouts (T, B, classes) and the last state, of a step called with one x[t] after another."""
    state, readouts = step.rest(x.shape[1]), []
    for current in x:
        readout, *state = step(current, *state)
        readouts.append(readout)
    return torch.stack(readouts), state


@pytest.mark.parametrize("neuron", [*NEURONS, *WITHOUT_NODE])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_step_repeated_is_the_network(neuron, dtype):
    network, x = mlp(neuron, norm=True).to(dtype), currents().to(dtype)
    expected = network.run(x)
    assert fires(expected)
    readout, state = stepwise(NetworkStep(network), x)
    assert readout.dtype == dtype
    assert_close(readout, expected.readout.detach(), tolerance=1e-5)
    assert expected.state.readout is not None
    assert_close(state[-2], expected.state.readout.synapse.detach(), tolerance=1e-5)


@pytest.mark.parametrize("options", [{"readout": None}, {"dropout": 0.5}, {"bias": False}, {"init": "torch"}])
def test_other_networks(options):
    network, x = mlp("lif", **options), currents()
    assert_close(stepwise(NetworkStep(network), x)[0], network.run(x).readout.detach(), tolerance=1e-5)


COUPLED = {
    "resonator": lambda: ss.ResonateAndFire((5e-3, 0.1), (0.0, 50.0), input_gain="unit", threshold=0.2, features=8),
    "imaginary": lambda: ss.ResonateAndFire(8e-3, 60.0, part="imaginary", input_gain="unit", firing="gumbel"),
    "c_silif": lambda: ss.CSiLIF(8e-3, 60.0, input_gain="unit"),
    "adaptive_lif": lambda: ss.AdaptiveLIF(8e-3, 30e-3, threshold=0.1),
}


@pytest.mark.parametrize("neuron", COUPLED)
@pytest.mark.parametrize("residual", [False, True])
def test_states_that_drive_each_other_and_delays(neuron, residual):
    delay = partial(ss.AxonalDelay, max_delay=7e-3, dt=1e-3)
    made = SpikingMLP(INPUTS, (8, 8), CLASSES, COUPLED[neuron], delay=delay, residual=residual)
    network, x = trained(made), currents()
    step, expected = NetworkStep(network), network.run(x, seed=1)
    if neuron == "imaginary":  # whose draws an export leaves out
        for layer in network.neurons:
            layer.deterministic = True
        expected = network.run(x, seed=1)
    assert fires(expected)
    readout, state = stepwise(step, x)
    assert_close(readout, expected.readout.detach(), tolerance=1e-5)
    histories = [value for name, value in zip(step.names, state, strict=True) if name.endswith(".history")]
    assert len(histories) == 3
    for history, delays in zip(histories, expected.state.delays, strict=True):
        assert_close(history.transpose(0, 1), delays.history.detach(), tolerance=1e-5)


def test_no_hidden_layer():
    network, x = trained(SpikingMLP(INPUTS, (), CLASSES)), currents()
    assert_close(stepwise(NetworkStep(network), x)[0], network.run(x).readout.detach(), tolerance=1e-5)


@pytest.mark.parametrize("net", FRAMES)
@pytest.mark.parametrize(
    "neuron",
    [
        lambda: ss.LIF(5e-3, None, threshold=0.1, learn_tau=True, features=1),
        lambda: ss.SPSN(5e-3, 5e-3, deterministic=True),
        lambda: ss.MPEPSN(estimate="current", deterministic=True),
    ],
    ids=["lif", "spsn", "mpe_psn"],
)
def test_frames(net, neuron):
    """In float64: a spike that rounding moves would change all that follows."""
    network = trained(FRAMES[net](neuron)).double()
    x = torch.poisson(torch.full((6, 3, *SENSOR), 0.5, dtype=torch.float64))
    expected = network.run(x).readout.detach()
    assert_close(stepwise(NetworkStep(network), x)[0], expected, tolerance=1e-5)


def test_an_export_leaves_the_network_alone():
    network = mlp("bernoulli", norm=True).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    draws = torch.get_rng_state()
    NetworkStep(network)
    assert torch.equal(torch.get_rng_state(), draws)
    assert network.training
    assert network.norms is not None
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(parameter.requires_grad for parameter in network.parameters())


def test_draws_are_left_out():
    """The step of a stochastic network is that of its deterministic twin."""
    for make in (ss.SPSN, ss.MPEPSN):
        network = trained(SpikingMLP(INPUTS, (5,), CLASSES, make))
        x = currents()
        readout, _ = stepwise(NetworkStep(network), x)
        network.neurons[0].deterministic = True
        assert_close(readout, network.run(x).readout.detach(), tolerance=1e-5)


def test_nan_is_not_hidden():
    for neuron in ("bernoulli", "gumbel", "escape", "threshold", "delta", "lif", "mpe_previous"):
        step = NetworkStep(mlp(neuron))
        assert step(torch.full((1, INPUTS), torch.nan), *step.rest(1))[0].isnan().all(), neuron


class Louder(SpikingMLP):
    """A network of a user's, that computes something else."""

    def run(self, x, *args, **options):
        return super().run(2 * x, *args, **options)


class Refractory(ss.LIF):
    """A neuron of a user's."""

    def run(self, current, *args, **options):
        return super().run(current.relu(), *args, **options)


def delayed():
    network = SpikingMLP(3, (2,), 2)
    network.extra = torch.nn.Identity()
    return network


@pytest.mark.parametrize(
    ("network", "error", "says"),
    [
        (torch.nn.Linear(2, 3), TypeError, r"^network: a SpikingMLP or .* found Linear"),
        (Louder(3, (2,), 2), TypeError, r"^network: a SpikingMLP or .* whose `run` is theirs, found Louder"),
        (SpikingMLP(3, (2,), 2, Refractory), ValueError, r"^network: layer1 \(Refractory\) has no form of one step"),
        (delayed(), ValueError, r"^network: an export knows no extra; a SpikingMLP of plain linear layers is needed"),
        (
            SpikingMLP(3, (2,), 2).half(),
            ValueError,
            r"^network: weights in float32 .* found torch.float16; .*float\(\)",
        ),
        (SpikingMLP(3, (2,), 2, torch.nn.Tanh), ValueError, r"^network: layer1 \(Tanh\) has no form of one step"),
    ],
)
def test_what_has_no_step_is_refused(network, error, says):
    with pytest.raises(error, match=says):
        NetworkStep(network)
