"""GestureNet at its published sizes."""

import torch
from torch import nn

import spikescan as ss
from spikescan.networks import GestureNet


def shapes(network: nn.Module) -> list[tuple[int, ...]]:
    """Of the weights of convolutions and Linear layers, in order."""
    return [tuple(m.weight.shape) for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]


def test_published_shapes():
    net = GestureNet(neuron=lambda: ss.MPEPSN(16, estimate="current"))
    assert shapes(net) == [(256, 2, 3, 3), *[(256, 256, 3, 3)] * 4, (1024, 256 * 2 * 2), (110, 1024)]
    assert all(m.bias is None for m in net.modules() if isinstance(m, nn.Conv2d))
    by_hand = 4608 + 4 * 589_824 + 5 * 512 + (1024 * 1024 + 1024) + (1024 * 110 + 110) + 6 * (1 + 15)
    assert sum(p.numel() for p in net.parameters()) == by_hand
    assert [type(m) for m in net.modules() if isinstance(m, nn.MaxPool2d | nn.Dropout)] == [
        *[nn.MaxPool2d] * 5,
        nn.Dropout,
        nn.Dropout,
    ]
    assert {m.p for m in net.modules() if isinstance(m, nn.Dropout)} == {0.5}
    assert len(net.neurons) == 6


def test_caltech_shapes():
    net = GestureNet(101, width=128, sensor=(2, 180, 240), size=128)
    assert shapes(net) == [(128, 2, 3, 3), *[(128, 128, 3, 3)] * 4, (1024, 128 * 4 * 4), (1010, 1024)]
    small = GestureNet(101, width=8, sensor=(2, 180, 240), size=128)
    out = small.eval().run(torch.zeros(1, 1, 2 * 180 * 240))
    assert out.readout.shape == (1, 1, 101)
    assert [tuple(layer.spikes.shape[2:]) for layer in out.layers] == [
        *((8, side, side) for side in (128, 64, 32, 16, 8)),
        (1024,),
    ]


def test_an_answer_is_the_mean_of_ten_neurons():
    net = GestureNet(11, width=2, sensor=(2, 32, 32), size=None).eval()
    nn.init.zeros_(net.output[-1].weight)
    with torch.no_grad():
        net.output[-1].bias.copy_(torch.arange(110.0))
    assert torch.equal(net(torch.zeros(2, 1, 2, 32, 32)), (10 * torch.arange(11.0) + 4.5).expand(2, 1, 11))
