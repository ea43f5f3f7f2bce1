"""WHO: networks of neurons. Each offers `run`, which returns the readout and every layer's output."""

from ._event_linear import EventLinear
from ._frames import FrameNetwork
from ._spike_linear import SpikeLinear
from .conv import ConvNet
from .gesture import GestureNet
from .mlp import SpikingMLP
from .resnet import ResNet19
from .vgg import VGG

__all__ = ["VGG", "ConvNet", "EventLinear", "FrameNetwork", "GestureNet", "ResNet19", "SpikeLinear", "SpikingMLP"]
