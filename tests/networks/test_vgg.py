"""VGG at its published sizes."""

import math
from itertools import pairwise

import pytest
from torch import nn

import spikescan as ss
from spikescan.networks import VGG

CHANNELS = 2, 64, 128, 256, 256, 512, 512, 512, 512


def test_published_shapes():
    net = VGG(neuron=lambda: ss.MPEPSN(10))
    convolutions = [m for m in net.modules() if isinstance(m, nn.Conv2d)]
    pairs = list(pairwise(CHANNELS))
    assert [tuple(m.weight.shape) for m in convolutions] == [(after, before, 3, 3) for before, after in pairs]
    assert net.output[-1].weight.shape == (10, 512 * 3 * 3)
    weights = sum(9 * before * after for before, after in pairs)
    by_hand = weights + 3 * sum(CHANNELS[1:]) + 10 * 4608 + 10 + 8 * (1 + 10)
    assert sum(p.numel() for p in net.parameters()) == by_hand
    assert sum(isinstance(m, nn.AvgPool2d) for m in net.modules()) == 4
    assert [m.p for m in net.modules() if isinstance(m, nn.Dropout)] == [0.25]
    assert len(net.neurons) == 8


def test_kaiming_fan_out():
    for module in VGG(width=32).modules():
        if isinstance(module, nn.Conv2d) and module.in_channels > 2:
            expected = math.sqrt(2 / (9 * module.out_channels))
            assert module.weight.std().item() == pytest.approx(expected, rel=0.05)
