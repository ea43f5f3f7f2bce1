"""ResNet-19 at its published sizes."""

import torch
from torch import nn

import spikescan as ss
from spikescan.networks import ResNet19

BLOCKS = ((64, 128), (128, 128), (128, 128), (128, 256), (256, 256), (256, 256), (256, 512), (512, 512))


def test_published_shapes():
    net = ResNet19(neuron=lambda: ss.MPEPSN(4))
    by_hand = 64 * 3 * 9 + 2 * 64
    for before, after in BLOCKS:
        by_hand += 9 * before * after + 9 * after * after + 4 * after
        by_hand += (before * after + 2 * after) if before != after else 0
    by_hand += (512 * 256 + 256) + (256 * 10 + 10) + 18 * (1 + 4)
    assert sum(p.numel() for p in net.parameters()) == by_hand
    assert len(net.neurons) == 18  # with the readout, 19 layers that learn
    assert all(m.bias is None for m in net.modules() if isinstance(m, nn.Conv2d))


def test_an_image_is_shown_for_four_steps():
    net = ResNet19(width=4).eval()
    out = net.run(torch.rand(2, 3, 32, 32), seed=1)
    assert out.readout.shape == (4, 2, 10)
    sides = [32] * 7 + [16] * 6 + [8] * 4
    assert [tuple(layer.spikes.shape[3:]) for layer in out.layers[:-1]] == [(side, side) for side in sides]
    assert out.layers[-1].spikes.shape == (4, 2, 16)


def test_a_block_by_hand():
    """relu(norm(conv(relu(norm(conv(x))))) + shortcut(x)), with and without a convolution in the shortcut."""
    net = ResNet19(neuron=ss.ReLU, width=4, steps=None).eval()
    x = torch.randn(1, 2, 3, 32, 32)
    out = net.run(x)
    spikes = [layer.spikes for layer in out.layers]
    for k in (0, 1, 3):
        block, here = net.blocks[k], spikes[2 * k]
        first = block.first(here).relu()
        assert torch.equal(spikes[2 * k + 1], first)
        shortcut = here if block.shortcut is None else block.shortcut(here)
        assert torch.equal(spikes[2 * k + 2], (block.second(first) + shortcut).relu())
    assert [block.shortcut is not None for block in net.blocks] == [a != b for a, b in BLOCKS]
    assert torch.equal(out.readout, net.output(net.hidden(spikes[-2]).relu()))
