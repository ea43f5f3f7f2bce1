import pytest
import torch
from torch import nn

import spikescan as ss
from spikescan.networks import ConvNet
from spikescan.training.estimation import currents, equal_weights, learned, membrane_distance


def network() -> ConvNet:
    return ConvNet((3, 4), 2, lambda: ss.MPEPSN(5), sensor=(2, 4, 4))


def test_learned_values_by_layer():
    net = network()
    with torch.no_grad():
        net.neurons[1].kappa.copy_(torch.arange(5.0))
        net.neurons[0].threshold.fill_(0.7)
    assert learned(net.neurons) == pytest.approx(
        {"kappa_layer0": 0.2, "kappa_layer1": 2.0, "threshold_layer0": 0.7, "threshold_layer1": 1.0}
    )
    assert learned(nn.ModuleList([ss.LIF(), ss.MPEPSN(), ss.ReLU()])) == {"threshold_layer1": 1.0}


def test_equal_weights_give_the_mean_square_and_pass():
    """û by hand from the documented draws; the spikes are the same, and κ comes back."""
    neuron, x = ss.MPEPSN(5), torch.randn(5, 3, 4)
    with torch.no_grad():
        neuron.kappa.copy_(torch.rand(5) - 0.5)
    before = neuron.kappa.detach().clone()
    plain = neuron.run(x, seed=3, potentials=True)
    with equal_weights(nn.ModuleList([neuron, ss.LIF()])), torch.no_grad():
        out = neuron.run(x, seed=3, potentials=True)
    estimate = (1 - (ss.random.uniform(x.shape, seed=3) < torch.sigmoid(x)).float()) * x
    torch.testing.assert_close(out.estimation_loss, (estimate - out.potential).square().mean())
    assert torch.equal(out.spikes, plain.spikes)
    assert torch.equal(neuron.kappa, before)
    assert plain.estimation_loss != out.estimation_loss


def test_distance_from_the_membrane_of_a_sequential_lif():
    current, u = torch.randn(6, 3, 2, 4), torch.randn(6, 3, 2, 4)
    expected = torch.zeros(3, dtype=torch.float64)
    for b in range(3):
        v = torch.zeros(2, 4)
        for t in range(6):
            v = 0.25 * v + current[t, b]
            v = torch.where(v > 1, 0.0, v)
            expected[b] += (v - u[t, b]).double().square().sum().sqrt()
    torch.testing.assert_close(membrane_distance(current, u, 0.25), expected, rtol=1e-5, atol=1e-5)


def test_currents_are_seen_in_order_and_neurons_left_as_they_were():
    neurons = nn.ModuleList([ss.MPEPSN(steps=2), ss.LIF.vanilla()])
    given = [torch.randn(2, 1, 3), torch.randn(2, 1, 5)]
    with currents(neurons) as seen:
        spikes = [neuron.run(x, seed=1).spikes for neuron, x in zip(neurons, given)]  # type: ignore[operator]
    assert all(one is other for one, other in zip(seen, given, strict=True))
    assert all("run" not in vars(neuron) for neuron in neurons)
    for neuron, x, before in zip(neurons, given, spikes):
        assert torch.equal(neuron.run(x, seed=1).spikes, before)  # type: ignore[operator]
    assert len(seen) == 2
