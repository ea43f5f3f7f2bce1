"""A small one of each convolutional network, for what holds for all of them."""

import pytest
import torch

import spikescan as ss
from spikescan.networks import VGG, ConvNet, GestureNet, ResNet19

T, B = 6, 3
SENSOR = (2, 10, 12)
NETS = {
    "conv": lambda neuron, **o: ConvNet((4, "max", 5, "average"), 3, neuron, sensor=SENSOR, **o),
    "gesture": lambda n, **o: GestureNet(3, n, width=4, hidden=(8,), dropout=0.0, sensor=SENSOR, size=32, **o),
    "vgg": lambda neuron, **o: VGG(3, neuron, width=2, dropout=0.0, sensor=SENSOR, size=16, **o),
    "resnet19": lambda neuron, **o: ResNet19(3, neuron, width=2, sensor=SENSOR, size=8, **o),
}
NEURONS = {
    "lif": lambda: ss.LIF(5e-3, 5e-3, threshold=0.3),
    "vanilla": ss.LIF.vanilla,
    "sb": ss.SPSN,
    "gs": lambda: ss.SPSN(firing="gumbel"),
    "learned": lambda: ss.LIF(5e-3, None, threshold=0.3, learn_tau=True, features=1),
    "mpe": lambda: ss.MPEPSN(T),
    "mpe_current": lambda: ss.MPEPSN(T, estimate="current"),
    "relu": ss.ReLU,
}
each_net = pytest.mark.parametrize("net", NETS)
each_neuron = pytest.mark.parametrize("neuron", NEURONS)


def made(net: str, neuron: str = "mpe", **options):
    """In float64, so that only what is wrong differs."""
    return NETS[net](NEURONS[neuron], **options).double()


def counts(steps: int = T, rows: int = B) -> torch.Tensor:
    return torch.poisson(torch.full((steps, rows, *SENSOR), 0.5, dtype=torch.float64))
