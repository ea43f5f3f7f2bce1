"""One time step of a network, in torch operations alone: (x, *state) -> (readout, *state).

The state begins as zeros. Layer after layer it holds, of a leaky neuron, i (where there is a synapse) and u; of MPE-PSN
û of the step before, or, with estimate="current", whether there was one; last comes the readout's.
"""

from dataclasses import replace
from typing import cast

import torch
from torch import Tensor, nn

from ..firing import Delta, Firing, Surrogate, Threshold
from ..fused._autograd import rounded
from ..fused._problem import gain
from ..fused._reference import reset
from ..networks import FrameNetwork, SpikingMLP
from ..networks._frames import Resize, Run
from ..neurons import MPEPSN, ReLU
from ..neurons._leaky import LeakyNeuron
from ._levels import firing_level
from ._plain import Network, computes_as, is_leaky, plain, weight_dtype

Shape = tuple[int, ...]


class Flat(Surrogate):
    """No gradient: a deployed step needs none. What is not finite stays so all the same (`straight_through`)."""

    def derivative(self, distance: Tensor) -> Tensor:
        return torch.zeros_like(distance)


class LayerStep(nn.Module):
    """A layer's neurons at one step. `forward(current, *state)` returns (output, *state); (B, *features) all."""

    carried: tuple[str, ...] = ()

    def shape(self, name: str, features: Shape) -> Shape:
        """Of what is carried under `name`, for one sample."""
        return features


class LeakyStep(LayerStep):
    """i ← α i + x;  w = β u + gain·i;  s = fire(w);  u ← reset(w, s): see `fused`."""

    beta: Tensor
    gain: Tensor
    alpha: Tensor | None
    threshold: Tensor | None

    def __init__(self, neuron: LeakyNeuron, dtype: torch.dtype) -> None:
        super().__init__()
        how = neuron._without_draws
        level = firing_level(how.firing, neuron.threshold, dtype)
        threshold = neuron.threshold if level is None else level
        firing = _without_gradient(how.firing) if level is None else Threshold(surrogate=Flat())
        self.rounds, self.how = how.rounds, replace(how, firing=firing, half=False)
        beta = neuron.decay_mem.forward().detach()
        self.register_buffer("beta", beta.to(dtype))
        self.register_buffer("gain", gain(beta, how.leaky_gain, dtype))
        synapse = neuron.decay_syn
        self.register_buffer("alpha", None if synapse is None else synapse.forward().detach().to(dtype))
        self.register_buffer("threshold", None if threshold is None else threshold.detach().to(dtype))
        self.carried = ("potential",) if synapse is None else ("synapse", "potential")

    def forward(self, current: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        before = state[-1]
        if self.rounds:
            current = rounded(current).to(current.dtype)
        i = current if self.alpha is None else self.alpha * state[0] + current
        w = self.beta * before + self.gain * i
        after = () if self.alpha is None else (i,)
        if self.how.firing is None:
            return w, *after, w
        spikes = self.how.firing(w, before, None, self.threshold)
        return spikes, *after, reset(w, spikes, self.threshold, self.how)


class EstimateStep(LayerStep):
    """û = (1 - σ(I))·I;  h = τ·û + I, û of the step before ("previous") or of this one, but at the first;  o = Θ(h -
    V_th): see `MPEPSN`."""

    threshold: Tensor

    def __init__(self, neuron: MPEPSN, dtype: torch.dtype) -> None:
        super().__init__()
        self.decay, self.previous, self.rounds = neuron.decay, neuron.estimate == "previous", neuron.memory == "half"
        self.register_buffer("threshold", neuron.threshold.detach().to(dtype))
        self.fire = Threshold(surrogate=Flat())
        self.carried = ("estimate",) if self.previous else ("begun",)

    def shape(self, name: str, features: Shape) -> Shape:
        return features if self.previous else (1,) * len(features)

    def forward(self, current: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        (before,) = state
        if self.rounds:
            current = rounded(current).to(current.dtype)
        estimate = (1 - torch.sigmoid(current)) * current
        charge = self.decay * (before if self.previous else before * estimate) + current
        spikes = self.fire(charge, charge, None, self.threshold)
        return spikes, estimate if self.previous else torch.ones_like(before)


class ReLUStep(LayerStep):
    def forward(self, current: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        return (current.relu(),)


def _without_gradient(firing: Firing | None) -> Firing | None:
    return replace(cast(Threshold | Delta, firing), surrogate=Flat()) if type(firing) in (Threshold, Delta) else firing


def layer_step(neuron: nn.Module, name: str, dtype: torch.dtype) -> LayerStep:
    if is_leaky(neuron):
        return LeakyStep(cast(LeakyNeuron, neuron), dtype)
    if computes_as(neuron, MPEPSN):
        return EstimateStep(cast(MPEPSN, neuron), dtype)
    if computes_as(neuron, ReLU):
        return ReLUStep()
    raise ValueError(f"network: {name} ({type(neuron).__name__}) has no form of one step that could be exported")


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
            first = cast(nn.Linear, (*self.network.linears, self.network.output)[0])
            self.input: Shape = (first.in_features,)
            if self.network.readout is not None:
                neurons["readout"], self.network.readout = self.network.readout, None
        else:
            self.input = self.network.sensor
            resized = tuple(self.network.size) != tuple(self.input[1:])
            self.resize = Resize(self.network.size) if resized else nn.Identity()
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
        for linear in network.linears:
            x = layers.advance(linear(x))
        x = network.output(x)
        return layers.advance(x) if self.integrates else x
