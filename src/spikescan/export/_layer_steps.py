"""One time step of each kind of layer, in torch operations alone."""

from dataclasses import replace
from typing import cast

import torch
from torch import Tensor, nn

from ..delays import AxonalDelay
from ..firing import Delta, Firing, Surrogate, Threshold
from ..fused._autograd import rounded
from ..fused._problem import gain
from ..fused._reference import reset
from ..neurons import MPEPSN, ReLU
from ..neurons._coupled import CoupledNeuron
from ..neurons._integrating import IntegratingNeuron
from ..neurons._leaky import LeakyNeuron
from ._levels import firing_level
from ._plain import computes_as, is_integrating

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


class IntegratingStep(LayerStep):
    """What every neuron that integrates and fires does at a step: see `fused`."""

    threshold: Tensor | None

    def __init__(self, neuron: IntegratingNeuron, dtype: torch.dtype) -> None:
        super().__init__()
        how = neuron._without_draws
        level = firing_level(how.firing, neuron.threshold, dtype)
        threshold = neuron.threshold if level is None else level
        firing = _without_gradient(how.firing) if level is None else Threshold(surrogate=Flat())
        self.rounds, self.how = how.rounds, replace(how, firing=firing, half=False)
        self.register_buffer("threshold", None if threshold is None else threshold.detach().to(dtype))
        self.carried = neuron._carried

    def taken(self, current: Tensor) -> Tensor:
        return rounded(current).to(current.dtype) if self.rounds else current

    def fired(self, w: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
        """(spikes, or w where nothing fires; u after the reset)."""
        if self.how.firing is None:
            return w, w
        spikes = self.how.firing(w, before, None, self.threshold)
        return spikes, reset(w, spikes, self.threshold, self.how)


class LeakyStep(IntegratingStep):
    """i ← α i + x;  w = β u + gain·i;  s = fire(w);  u ← reset(w, s)."""

    beta: Tensor
    gain: Tensor
    alpha: Tensor | None

    def __init__(self, neuron: LeakyNeuron, dtype: torch.dtype) -> None:
        super().__init__(neuron, dtype)
        beta, synapse = neuron.decay_mem.forward().detach(), neuron.decay_syn
        self.register_buffer("beta", beta.to(dtype))
        self.register_buffer("gain", gain(beta, self.how.leaky_gain, dtype))
        self.register_buffer("alpha", None if synapse is None else synapse.forward().detach().to(dtype))

    def forward(self, current: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        current = self.taken(current)
        i = current if self.alpha is None else self.alpha * state[0] + current
        spikes, u = self.fired(self.beta * state[-1] + self.gain * i, state[-1])
        return spikes, *(() if self.alpha is None else (i,)), u


class CoupledStep(IntegratingStep):
    """i ← ii·i + iu·u + ix·x + jump·s;  w = uu·u + ui·i + ux·x of the state before;  s = fire(w);  u ← reset(w, s)."""

    rows: Tensor

    def __init__(self, neuron: CoupledNeuron, dtype: torch.dtype) -> None:
        super().__init__(neuron, dtype)
        self.register_buffer("rows", torch.stack(torch.broadcast_tensors(*neuron._rows())).detach().to(dtype))

    def forward(self, current: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        current, (i, u) = self.taken(current), state
        ii, iu, ix, uu, ui, ux, jump = self.rows.unbind(0)
        spikes, after = self.fired(uu * u + ui * i + ux * current, u)
        i = ii * i + iu * u + ix * current
        return spikes, i if self.how.reset == "none" else i + jump * spikes, after


class DelayStep(LayerStep):
    """The input of d steps ago, for each feature; the last D - 1 inputs are carried, the oldest first."""

    place: Tensor
    carried = ("history",)

    def __init__(self, delay: AxonalDelay) -> None:
        super().__init__()
        self.reach = delay.reach
        self.register_buffer("place", delay.reach - delay.rounded(delay.delay))

    def shape(self, name: str, features: Shape) -> Shape:
        return self.reach, *features

    def forward(self, current: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        seen = torch.cat([state[0], current[:, None]], 1)
        place = self.place.expand(current.shape)[:, None]
        return seen.gather(1, place).squeeze(1), seen[:, 1:]


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
    if is_integrating(neuron, LeakyNeuron):
        return LeakyStep(cast(LeakyNeuron, neuron), dtype)
    if is_integrating(neuron, CoupledNeuron):
        return CoupledStep(cast(CoupledNeuron, neuron), dtype)
    if computes_as(neuron, AxonalDelay):
        return DelayStep(cast(AxonalDelay, neuron))
    if computes_as(neuron, MPEPSN):
        return EstimateStep(cast(MPEPSN, neuron), dtype)
    if computes_as(neuron, ReLU):
        return ReLUStep()
    raise ValueError(f"network: {name} ({type(neuron).__name__}) has no form of one step that could be exported")
