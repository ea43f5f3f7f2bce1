"""Convolutional networks that are a sequence of layers, said by a plan."""

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from ..neurons import MPEPSN, Neuron
from ._frames import FrameNetwork, Run, Sensor, Stage, folded

POOLS: dict[str, Callable[[int], nn.Module]] = {"max": nn.MaxPool2d, "average": nn.AvgPool2d}

Plan = Sequence[int | str]


class ConvNet(FrameNetwork):
    """[Conv 3x3, BatchNorm, neuron, pool]…, [Dropout, Linear, neuron]…, Dropout, Linear, mean over votes.

    Args:
        plan: the layers in order: the channels of a convolution with its batch norm and neurons, or "max" or "average"
            for a pooling of 2 x 2.
        classes: answers of the readout.
        neuron: makes a layer's neurons; called once for each layer.
        hidden: neurons of each fully connected layer behind the convolutions.
        votes: readout neurons whose mean is a class's answer.
        dropout: probability before every Linear, independently at each step.
        bias: whether the convolutions have one.
        sensor, size, steps: as in `FrameNetwork`: (P, H, W) of the frames, side to which they are resized, steps for
            which a single frame is repeated.
    """

    def __init__(
        self,
        plan: Plan = (16, "max", 32, "max"),
        classes: int = 10,
        neuron: Callable[[], Neuron] = MPEPSN,
        *,
        hidden: Sequence[int] = (),
        votes: int = 1,
        dropout: float = 0.0,
        bias: bool = False,
        sensor: Sensor = (2, 34, 34),
        size: int | None = None,
        steps: int | None = None,
    ) -> None:
        convolutions = sum(not isinstance(entry, str) for entry in plan)
        super().__init__(neuron, convolutions + len(hidden), sensor, size, steps)
        stages, pools, features = _convolutions(plan, sensor[0], self.size, bias)
        head: list[nn.Module] = [*pools, nn.Flatten()]
        for width in hidden:
            stages.append(Stage(*head, nn.Dropout(dropout), nn.Linear(features, width)))
            head, features = [], width
        self.stages = nn.ModuleList(stages)
        self.votes = votes
        self.output = nn.Sequential(*head, nn.Dropout(dropout), nn.Linear(features, classes * votes))

    def propagate(self, x: Tensor, fire: Run) -> Tensor:
        for stage in self.stages:
            x = fire(stage(x, fire.lengths))
        return folded(self.output, x).unflatten(2, (-1, self.votes)).mean(3)


def _convolutions(
    plan: Plan, channels: int, size: tuple[int, ...], bias: bool
) -> tuple[list[Stage], list[nn.Module], int]:
    """The stages of `plan`, the pools behind the last one, and how many features they leave."""
    stages: list[Stage] = []
    pools: list[nn.Module] = []
    for entry in plan:
        if isinstance(entry, str):
            if entry not in POOLS:
                raise ValueError(f"plan: {entry!r} is neither a number of channels nor {' or '.join(POOLS)}")
            pools.append(POOLS[entry](2))
            size = tuple(side // 2 for side in size)
        else:
            stages.append(Stage(*pools, nn.Conv2d(channels, entry, 3, padding=1, bias=bias), norm=entry))
            pools, channels = [], entry
    if not stages or min(size) < 1:
        raise ValueError(f"plan: {list(plan)} leaves {tuple(size)} pixels; a convolution and a pixel are needed")
    return stages, pools, channels * size[0] * size[1]
