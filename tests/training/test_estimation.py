import pytest
import torch
from torch import nn

import spikescan as ss
from spikescan.networks import ConvNet
from spikescan.training.estimation import equal_weights, learned


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
