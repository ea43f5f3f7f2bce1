"""The network of the CIFAR-10 experiment of the MPE-PSN paper."""

from collections.abc import Callable

from torch import Tensor, nn

from ..neurons import MPEPSN, Neuron
from ._frames import FrameNetwork, Run, Sensor, Stage, folded, kaiming_fan_out

BLOCKS = ((2, 1), (2, 1), (2, 1), (4, 2), (4, 1), (4, 1), (8, 2), (8, 1))
"""Channels in units of the width, and stride."""


class Block(nn.Module):
    """Conv, neuron, Conv, + what came in (through Conv 1x1 where its shape differs), neuron; BatchNorm after each."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.first = Stage(nn.Conv2d(before, after, 3, stride, padding=1, bias=False), norm=after)
        self.second = Stage(nn.Conv2d(after, after, 3, padding=1, bias=False), norm=after)
        self.shortcut = None
        if stride > 1 or before != after:
            self.shortcut = Stage(nn.Conv2d(before, after, 1, stride, bias=False), norm=after)

    def forward(self, x: Tensor, fire: Run) -> Tensor:
        here = x if self.shortcut is None else self.shortcut(x, fire.lengths)
        return fire(self.second(fire(self.first(x, fire.lengths)), fire.lengths) + here)


class ResNet19(FrameNetwork):
    """Conv 64, 3 blocks of 128, 3 of 256, 2 of 512, mean over pixels, FC 256, neuron, FC (Zheng et al. 2021, as
    Chen et al. 2024 train it: Kaiming fan-out weights, the second and third group halve the image).

    Args:
        classes: 10 for CIFAR-10.
        neuron: makes a layer's neurons; the published ones are `MPEPSN(4)`.
        width: channels of the first convolution, of which the others are multiples; the FC has 4·width.
        sensor: (colours, H, W) of the images.
        size: side to which they are resized.
        steps: for how many steps an image is shown (4): constant current.
    """

    def __init__(
        self,
        classes: int = 10,
        neuron: Callable[[], Neuron] = MPEPSN,
        *,
        width: int = 64,
        sensor: Sensor = (3, 32, 32),
        size: int | None = None,
        steps: int | None = 4,
    ) -> None:
        super().__init__(neuron, 2 + 2 * len(BLOCKS), sensor, size, steps)
        self.stem = Stage(nn.Conv2d(sensor[0], width, 3, padding=1, bias=False), norm=width)
        channels = [width, *(width * times for times, _ in BLOCKS)]
        self.blocks = nn.ModuleList(
            Block(before, after, stride) for before, after, (_, stride) in zip(channels, channels[1:], BLOCKS)
        )
        self.hidden = Stage(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels[-1], 4 * width))
        self.output = nn.Linear(4 * width, classes)
        self.apply(kaiming_fan_out)

    def propagate(self, x: Tensor, fire: Run) -> Tensor:
        x = fire(self.stem(x, fire.lengths))
        for block in self.blocks:
            x = block(x, fire)
        return folded(self.output, fire(self.hidden(x)))
