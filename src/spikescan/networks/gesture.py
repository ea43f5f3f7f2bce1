"""The network of the DVS128 Gesture and N-Caltech101 experiments of the MPE-PSN paper."""

from collections.abc import Callable, Sequence

from ..neurons import MPEPSN, Neuron
from ._frames import Sensor
from .conv import ConvNet


class GestureNet(ConvNet):
    """5 x [Conv 3x3 (no bias), BatchNorm, neuron, MaxPool 2], Dropout, FC hidden, neuron, Dropout, FC 10·classes, mean
    over groups of 10 (Chen et al. 2024; the layout is that of Fang et al. 2021).

    Args:
        classes: 11 gestures; 101 for N-Caltech101.
        neuron: makes a layer's neurons; the published ones are `MPEPSN(steps, estimate="current")`.
        width: channels of every convolution (256; N-Caltech101: 128).
        hidden: neurons of each fully connected layer (1024).
        dropout: before both Linear layers.
        sensor: (P, H, W) of the camera (N-Caltech101: 2, 180, 240).
        size: side to which frames are resized (64; N-Caltech101: 128).
        steps: as in `ConvNet`.
    """

    def __init__(
        self,
        classes: int = 11,
        neuron: Callable[[], Neuron] = MPEPSN,
        *,
        width: int = 256,
        hidden: Sequence[int] = (1024,),
        dropout: float = 0.5,
        sensor: Sensor = (2, 128, 128),
        size: int | None = 64,
        steps: int | None = None,
    ) -> None:
        super().__init__(
            (width, "max") * 5,
            classes,
            neuron,
            hidden=hidden,
            votes=10,
            dropout=dropout,
            sensor=sensor,
            size=size,
            steps=steps,
        )
