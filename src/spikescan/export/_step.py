"""One time step of a network, in torch operations alone: (x, *state) -> (readout, *state).

The state begins as zeros. Layer after layer it holds, of a leaky neuron, i (where there is a synapse) and u; of MPE-PSN
û of the step before, or, with estimate="current", whether there was one; of a delay, which stands in front of its
layer, the last inputs; last comes the readout's.
"""

from itertools import zip_longest
from typing import cast

import torch
from torch import Tensor, nn

from ..networks import FrameNetwork, SpikingMLP
from ..networks._frames import Resize, Run
from ._layer_steps import LayerStep, ReLUStep, Shape, layer_step
from ._plain import Network, plain, weight_dtype


class Layers:
    """The layers of one step in turn: each takes what it carries from `state`, and adds to `after`."""

    lengths = None  # which the norms of a `FrameNetwork` ask for

    def __init__(self, steps: nn.ModuleList, state: list[Tensor]) -> None:
        self.steps, self.state = iter(steps), iter(state)
        self.after: list[Tensor] = []
        self.shapes: list[Shape] = []

    def advance(self, current: Tensor) -> Tensor:
        """The layer's output, (B, *features) like its current."""
        step = cast(LayerStep, next(self.steps))
        self.shapes.append(tuple(current.shape[1:]))
        out, *after = step(current, *(next(self.state) for _ in step.carried))
        self.after.extend(after)
        return out

    def __call__(self, current: Tensor) -> Tensor:
        """The same of (1, B, *features), as `FrameNetwork.propagate` has them."""
        return self.advance(current[0])[None]


class NetworkStep(nn.Module):
    """One step of `network` in evaluation. x: (B, inputs), or (B, P, H, W); readout: (B, classes).

    input: the shape of one sample of x. names, shapes: of the state's tensors, in order, for one sample.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = plain(network)
        self.dtype = weight_dtype(self.network)
        neurons: dict[str, nn.Module] = {f"layer{k + 1}": neuron for k, neuron in enumerate(self.network.neurons)}
        if isinstance(self.network, SpikingMLP):
            neurons, self.network.delays = _with_delays(neurons, self.network.delays), None
            first = cast(nn.Linear, (*self.network.linears, self.network.output)[0])
            self.input: Shape = (first.in_features,)
            if self.network.readout is not None:
                neurons["readout"], self.network.readout = self.network.readout, None
        else:
            self.input = self.network.sensor
            resized = tuple(self.network.size) != tuple(self.input[1:])
            self.resize = Resize(self.network.size) if resized else nn.Identity()
        self.delayed = any(name.endswith(".delay") for name in neurons)
        self.network.neurons = nn.ModuleList()  # the steps below stand for them
        self.integrates = "readout" in neurons
        self.layers = nn.ModuleList(layer_step(neuron, name, self.dtype) for name, neuron in neurons.items())
        self.names, self.shapes = self._state(list(neurons))

    def _state(self, layers: list[str]) -> tuple[list[str], list[Shape]]:
        """Names and shapes, found by showing the network one sample."""
        probe = Layers(nn.ModuleList(ReLUStep() for _ in layers), [])
        with torch.no_grad():
            self._through(torch.zeros(1, *self.input, dtype=self.dtype), probe)
        steps = cast(list[LayerStep], list(self.layers))
        carried = [
            (f"{layer}.{part}", step.shape(part, shape))
            for layer, step, shape in zip(layers, steps, probe.shapes)
            for part in step.carried
        ]
        return [name for name, _ in carried], [shape for _, shape in carried]

    def rest(self, rows: int) -> list[Tensor]:
        """The state before the first step."""
        return [torch.zeros(rows, *shape, dtype=self.dtype) for shape in self.shapes]

    def forward(self, x: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        layers = Layers(self.layers, list(state))
        readout = self._through(x, layers)
        return readout, *layers.after

    def _through(self, x: Tensor, layers: Layers) -> Tensor:
        network = self.network
        if isinstance(network, FrameNetwork):
            return network.propagate(self.resize(x)[None], cast(Run, layers))[0]
        before: Tensor | None = None
        for linear in network.linears:
            y = layers.advance(linear(layers.advance(x) if self.delayed else x))
            x = y + before if network.residual and before is not None and before.shape == y.shape else y
            before = x
        x = network.output(layers.advance(x) if self.delayed else x)
        return layers.advance(x) if self.integrates else x


def _with_delays(neurons: dict[str, nn.Module], delays: nn.ModuleList | None) -> dict[str, nn.Module]:
    """In the order in which they are passed: each layer's delays in front of it, the readout's last."""
    if delays is None:
        return neurons
    names = [*neurons, "readout"]
    pairs = ((f"{name}.delay", delay) for name, delay in zip(names, delays, strict=True))
    return {name: module for pair in zip_longest(pairs, neurons.items()) if pair for name, module in filter(None, pair)}
