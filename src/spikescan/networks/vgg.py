"""The network of the CIFAR10-DVS experiments of the MPE-PSN paper."""

from collections.abc import Callable

from ..neurons import MPEPSN, Neuron
from ._frames import Sensor, kaiming_fan_out
from .conv import ConvNet

PLAN = (1, 2, "average", 4, 4, "average", 8, 8, "average", 8, 8, "average")
"""Channels in units of the width."""


class VGG(ConvNet):
    """Conv 64, 128, pool, 256, 256, pool, 512, 512, pool, 512, 512, pool (3x3, average pools of 2, BatchNorm and
    neurons after each convolution, Kaiming fan-out weights), Dropout, FC (Chen et al. 2024).

    Args:
        classes: 10 for CIFAR10-DVS.
        neuron: makes a layer's neurons; the published ones are `MPEPSN(steps)`.
        width: channels of the first convolution, of which the others are multiples.
        dropout: before the Linear layer.
        sensor: (P, H, W) of the camera.
        size: side to which frames are resized.
        steps: as in `ConvNet`.
    """

    def __init__(
        self,
        classes: int = 10,
        neuron: Callable[[], Neuron] = MPEPSN,
        *,
        width: int = 64,
        dropout: float = 0.25,
        sensor: Sensor = (2, 128, 128),
        size: int | None = 48,
        steps: int | None = None,
    ) -> None:
        plan = [entry if isinstance(entry, str) else entry * width for entry in PLAN]
        super().__init__(plan, classes, neuron, dropout=dropout, bias=True, sensor=sensor, size=size, steps=steps)
        self.apply(kaiming_fan_out)
