"""Synaptic operations against a loop over every input and every neuron that it reaches."""

import pytest
import torch
from torch import nn

import spikescan as ss
from spikescan.data.event_tensor import EventTensor
from spikescan.networks import ConvNet, ResNet19, SpikingMLP
from spikescan.training.operations import counted


def reached_by(module: nn.Conv2d, x: torch.Tensor) -> int:
    """Nonzero inputs times the outputs that a weight of 1 from them changes, one input at a time."""
    total, ones = 0, torch.ones_like(module.weight)
    for place in x.nonzero():
        dot = torch.zeros(1, *x.shape[1:])
        dot[0, *place[1:]] = 1
        total += int(nn.functional.conv2d(dot, ones, None, module.stride, module.padding).count_nonzero())
    return total


@pytest.mark.parametrize(("stride", "padding", "kernel"), [(1, 1, 3), (2, 1, 3), (2, 0, 1)])
def test_convolution(stride, padding, kernel):
    conv = nn.Conv2d(2, 3, kernel, stride, padding, bias=False)
    x = torch.poisson(torch.full((2, 2, 5, 7), 0.4))
    with counted(conv) as operations:
        conv(x)
    assert operations.each(1) == {"input": reached_by(conv, x), "hidden": 0.0, "total": reached_by(conv, x)}


def test_mlp_counts_events_and_spikes():
    net = SpikingMLP(6, (5, 4), 3, neuron=ss.SPSN)
    events = EventTensor(*torch.tensor([[0, 1, 1], [0, 0, 1], [3, 3, 5]]).int(), shape=(4, 2, 6))
    with counted(net) as operations:
        out = net.run(events, seed=1)
    first, second = (layer.spikes.sum().item() for layer in out.layers)
    hidden = (first * 4 + second * 3) / 2
    assert operations.each(2) == {"input": 3 * 5 / 2, "hidden": hidden, "total": 7.5 + hidden}
    assert hidden > 0


def test_first_layer_and_later_ones():
    net = ConvNet((3,), 2, ss.SPSN, sensor=(2, 4, 4))
    x = torch.poisson(torch.full((2, 1, 2, 4, 4), 0.5))
    with counted(net) as operations:
        spikes = net.run(x, seed=1).layers[0].spikes
    assert operations.each(1)["input"] == reached_by(net.stages[0].folded[0], x[:, 0])
    assert operations.each(1)["hidden"] == spikes.sum().item() * 2
    before = operations.each(1)
    net.run(x, seed=1)
    assert operations.each(1) == before  # counts no more


def test_shortcuts_count():
    net = ResNet19(width=2, steps=None).eval()
    with counted(net) as operations:
        net.run(torch.rand(2, 1, 3, 32, 32), seed=1)
    assert operations.hidden > 0
