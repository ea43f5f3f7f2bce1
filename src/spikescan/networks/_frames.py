"""What the convolutional networks share: frames in, time folded into the batch, and the neurons of one run.

Nothing but the neurons knows of time: convolution, batch normalisation and pooling see (T·B, C, H, W), which is a view
of (T, B, C, H, W).
"""

import math
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..neurons import Neuron
from ..random import as_seed, fold, new_seed, refuse_second_seed
from ..types import NetworkOutput, NetworkState, NeuronOutput, Seed, State
from ._event_linear import Events, as_floats
from ._norm import SequenceNorm

Sensor = tuple[int, int, int]
"""(P, H, W): polarities (or colours), height and width."""


def folded(module: nn.Module, x: Tensor) -> Tensor:
    """`module`, which knows no time, over (T·B, ...); x is (T, B, ...), and contiguous, so that nothing is copied."""
    return module(x.flatten(0, 1)).unflatten(0, x.shape[:2])


class Stage(nn.Module):
    """Modules over (T·B) and batch normalisation: what gives a layer of neurons its current."""

    def __init__(self, *modules: nn.Module, norm: int | None = None) -> None:
        super().__init__()
        self.folded = nn.Sequential(*modules)
        self.norm = None if norm is None else SequenceNorm(norm)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        current = folded(self.folded, x)
        return current if self.norm is None else self.norm(current, lengths)


class Run:
    """One run of a network's neurons: called with the current of each layer in turn, it returns the spikes.

    `lengths` is what the network's norms need as well; `outputs` collects what the layers return.
    """

    def __init__(
        self,
        neurons: nn.ModuleList,
        states: tuple[State, ...] | None,
        seed: Tensor | None,
        lengths: Tensor | None,
        potentials: bool,
    ) -> None:
        self.neurons, self.states, self.seed = neurons, states, seed
        self.lengths, self.potentials = lengths, potentials
        self.outputs: list[NeuronOutput] = []

    def __call__(self, current: Tensor) -> Tensor:
        k = len(self.outputs)
        out = cast(Neuron, self.neurons[k]).run(
            current,
            None if self.states is None else self.states[k],
            seed=None if self.seed is None else fold(self.seed, k),
            lengths=self.lengths,
            potentials=self.potentials,
        )
        self.outputs.append(out)
        assert out.spikes is not None
        return out.spikes.to(current.dtype)  # of a `spike_dtype` that no convolution may take


class FrameNetwork(nn.Module):
    """A network that is shown frames. Abstract: `propagate` says how the layers follow one another.

    Args:
        neuron: makes a layer's neurons; called once for each layer.
        layers: how many layers of neurons there are.
        sensor: (P, H, W) of the frames; channel c of stored events is p·H·W + y·W + x.
        size: side of the square to which frames are resized, bilinearly and antialiased, where theirs differs; None
            takes them as they are.
        steps: a single frame, shown to a network at rest, is repeated this often (constant current); None: never.
    """

    def __init__(
        self, neuron: Callable[[], Neuron], layers: int, sensor: Sensor, size: int | None, steps: int | None
    ) -> None:
        super().__init__()
        for name, value in {"sensor": min(sensor), "size": size, "steps": steps}.items():
            if value is not None and value < 1:
                raise ValueError(f"{name}: at least 1 is needed, found {value}")
        self.sensor, self.steps = sensor, steps
        self.size = sensor[1:] if size is None else (size, size)
        self.neurons = nn.ModuleList(neuron() for _ in range(layers))

    @property
    def _weight(self) -> Tensor:
        """The first convolution's (those of neurons keep their precision under `.half()`)."""
        return next(module.weight for module in self.modules() if isinstance(module, nn.Conv2d))

    @abstractmethod
    def propagate(self, x: Tensor, fire: Run) -> Tensor:
        """The readout (T, B, classes) of frames x (T, B, P, *size); every layer of neurons is a call of `fire`."""

    def run(
        self,
        x: Tensor | Events,
        state: NetworkState | None = None,
        *,
        seed: Seed | None = None,
        lengths: Tensor | None = None,
        potentials: bool = False,
    ) -> NetworkOutput:
        """Readout (T, B, classes), the layers' outputs (T, B, C, H, W), and the state after the last step.

        Args:
            x: frames (T, B, P, H, W), images (B, P, H, W), or events (T, B, P·H·W), an `EventTensor` or dense.
            state: what an earlier chunk returned; it carries seeds and steps. None starts at rest.
            seed: of all draws of the network; layer k uses `random.fold(seed, k)`.
            lengths: int64 (B,); steps from lengths[b] on are padding.
            potentials: whether the layers' potentials are wanted as well.
        """
        refuse_second_seed(seed, state is not None)
        frames, lengths = self.sequence(self.frames(x), lengths, at_rest=state is None)
        device = self._weight.device
        source = None if state is not None else new_seed(device) if seed is None else as_seed(seed, device)
        fire = Run(self.neurons, None if state is None else state.layers, source, lengths, potentials)
        readout = self.propagate(frames, fire)
        layers = tuple(fire.outputs)
        return NetworkOutput(readout, layers, NetworkState(tuple(layer.state for layer in layers), None))

    def sequence(self, x: Any, lengths: Tensor | None, *, at_rest: bool) -> tuple[Any, Tensor | None]:
        """(x with its time steps first, lengths): images are one step, and `steps` of them for a network at rest."""
        x = x[None] if isinstance(x, Tensor) and x.dim() == 4 else x
        if self.steps is None or x.shape[0] != 1 or not at_rest:
            return x, lengths
        dense = x if isinstance(x, Tensor) else x.dense(self._weight.dtype)
        return dense.repeat(self.steps, *[1] * (dense.dim() - 1)), None if lengths is None else lengths * self.steps

    def frames(self, x: Tensor | Events) -> Tensor:
        """(T, B, P, *size) in the dtype of the weights, contiguous."""
        dtype = self._weight.dtype
        dense = as_floats(x, dtype) if isinstance(x, Tensor) else x.dense(dtype)
        if dense.dim() == 3 and dense.shape[2] == math.prod(self.sensor):
            dense = dense.unflatten(2, self.sensor)
        elif dense.dim() == 4:
            dense = dense[None]
        if dense.dim() != 5 or dense.shape[2] != self.sensor[0]:
            raise ValueError(
                f"x: (T, B, {self.sensor[0]}, H, W), or (T, B, {math.prod(self.sensor)}) for a sensor of "
                f"{self.sensor}, is needed, found shape {tuple(x.shape)}"
            )
        frames = dense.to(dtype).contiguous()
        return frames if frames.shape[3:] == self.size else folded(Resize(self.size), frames)

    def initial_state(self, seed: Seed) -> NetworkState:
        """At rest before the first step, with the seeds that `run(x, seed=seed)` gives the layers."""
        seed = as_seed(seed, self._weight.device)
        step = torch.zeros_like(seed)
        layers = (State(seed=fold(seed, k), step=step) for k in range(len(self.neurons)))
        return NetworkState(tuple(layers), None)

    def forward(self, x: Tensor | Events, seed: Seed | None = None) -> Tensor:
        """The readout alone, (T, B, classes)."""
        return self.run(x, seed=seed).readout


class Resize(nn.Module):
    """Frames (N, P, H, W) to (N, P, *size); antialiased, so that no pixel of a larger frame is left out."""

    def __init__(self, size: tuple[int, ...]) -> None:
        super().__init__()
        self.size = list(size)

    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(x, self.size, mode="bilinear", align_corners=False, antialias=True)


def kaiming_fan_out(module: nn.Module) -> None:
    """The published initialisation of VGG and ResNet-19: He et al. 2015, normal, over the fan-out, of convolutions."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
