"""The base of all neurons that integrate and fire: everything but the coefficients of their two states."""

from abc import abstractmethod
from dataclasses import replace
from numbers import Integral
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..fused import Dynamics, Operands, integrate_and_fire
from ..scan._checks import accumulate_dtype, check_finite, one_or_each
from ..types import NeuronOutput, Seed, State
from ._base import Neuron, begin, check_memory

Features = int | tuple[int, ...] | None


class Coefficients(NamedTuple):
    """What drives the two states from step to step, see `spikescan.fused.Operands`."""

    decay_syn: Tensor | None = None
    decay_mem: Tensor | None = None
    coupling: Tensor | None = None


class IntegratingNeuron(Neuron):
    """Two states, linear in the current and in themselves, and what `dynamics` adds: firing and reset.

    Args:
        dt: the time step in seconds.
        learned: whether coefficients are learned.
        learn_threshold: learn the threshold, one for each feature if `features` is given, else one.
        features: N, or the feature shape.
        memory: "full", or "half": a layer keeps 2 bytes for each neuron and step for the backward pass instead of 4 (a
            16-bit local derivative, or distance from the threshold). The forward pass is the same to the bit, the
            gradients are to three digits (of a boxcar surrogate, but where a potential is that near to its edge). With
            learned time constants, in either mode, and with delta firing in this one, it keeps its current instead and
            computes forward again; "half" then rounds the current to float16 first, as under autocast, and gradients
            are exact for what was computed.
        spike_dtype: of the spikes that are returned; None: the current's. torch.uint8 and torch.bool carry neither a
            gradient nor NaN, so they are for evaluation; torch.float16 rounds gradients to itself, and loses those
            below 6e-8. The networks of `spikescan.networks` return spikes of this type and go on in the current's,
            which saves memory where spikes are collected, not where a network is trained. `nn.Sequential` hands
            them on as they are: a layer behind it then needs weights of this type.
    """

    def __init__(
        self,
        dt: float,
        *,
        dynamics: Dynamics,
        threshold: float | None = None,
        learned: bool = False,
        learn_threshold: bool = False,
        features: Features = None,
        backend: str = "auto",
        deterministic: bool = False,
        memory: str = "full",
        spike_dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(backend=backend, deterministic=deterministic)
        if spike_dtype is not None and not isinstance(spike_dtype, torch.dtype):
            raise TypeError(f"spike_dtype: a torch.dtype is needed, found {spike_dtype!r}")
        dynamics = replace(dynamics, half=check_memory(memory) == "half", learned=learned)
        self.spike_dtype = spike_dtype
        self._dynamics, self._without_draws = dynamics, replace(dynamics, deterministic=True)
        self.dt = dt
        self.features = feature_shape(features)
        self._add_threshold(threshold, learn_threshold, self.features)

    @abstractmethod
    def _coefficients(self, current: Tensor) -> Coefficients:
        """Of the current's features."""

    @property
    def _carried(self) -> tuple[str, ...]:
        """What the neuron's state holds of synapse and potential."""
        return "synapse", "potential"

    def _add_threshold(self, threshold: float | None, learn: bool, shape: tuple[int, ...] | None) -> None:
        if threshold is None:
            firing = self._dynamics.firing
            if firing is not None and firing.default_threshold is not None:
                raise ValueError(f"threshold: {firing} compares with one; a finite number is needed, found None")
            if learn:
                raise ValueError("learn_threshold: this firing function has no threshold")
            self.threshold = None
            return
        check_finite(threshold, "threshold")
        if learn:
            self.threshold = nn.Parameter(torch.full(shape or (), float(threshold), dtype=torch.float32))
            return
        self.add_constant("threshold", torch.tensor(float(threshold), dtype=torch.float64, device="cpu"))

    @property
    def dynamics(self) -> Dynamics:
        """What the neuron is, apart from its tensors."""
        return self._without_draws if self.deterministic else self._dynamics

    def run(
        self,
        current: Tensor,
        state: State | None = None,
        *,
        seed: Seed | None = None,
        lengths: Tensor | None = None,
        potentials: bool = False,
    ) -> NeuronOutput:
        how = self.dynamics
        state, step, lengths = begin(current, state, seed, lengths, how.draws, self._carried)
        self._check_features(current)
        potentials = potentials or how.firing is None
        result = integrate_and_fire(
            self._operands(current, state, step, lengths),
            how,
            backend=self.backend,
            potentials=potentials,
            spike_dtype=self.spike_dtype,
        )
        spikes, potential, last_synapse, last_potential = (_shaped(part, current) for part in result)
        synapse = last_synapse if "synapse" in self._carried else None
        after = State(synapse, last_potential, state.seed, step + current.shape[0])
        return NeuronOutput(spikes, after, potential)

    def _check_features(self, current: Tensor) -> None:
        found, own = current.shape[2:], self.features
        if own is None:
            return
        fits = all(size == 1 or size == there for size, there in zip(reversed(own), reversed(found), strict=False))
        if len(own) > len(found) or not fits:
            raise ValueError(f"features: {own} does not broadcast over the current's features {tuple(found)}")

    def _operands(self, current: Tensor, state: State, step: Tensor, lengths: Tensor | None) -> Operands:
        dtype = accumulate_dtype(current)
        rows, count = current.shape[1], current.shape[2:].numel()
        flat = current if current.dim() == 3 else current.reshape(current.shape[0], rows, count)

        def column(value: Tensor | None) -> Tensor:
            if value is None:
                return current.new_zeros((rows, count), dtype=dtype)
            return value.to(dtype).reshape(rows, count).contiguous()

        return Operands(
            flat.contiguous(),
            *self._coefficients(current),
            column(state.synapse),
            column(state.potential),
            None if self.threshold is None else one_or_each(self.threshold.to(dtype), current, "threshold"),
            state.seed,
            step,
            lengths,
        )

    def extra_repr(self) -> str:
        how = self._dynamics
        return f"firing={how.firing}, reset={how.reset}, dt={self.dt} s, backend={self.backend}"


def _shaped(part: Tensor | None, current: Tensor) -> Tensor | None:
    """A sequence or state of flat features with the current's; a view takes as long as a small kernel."""
    if part is None or current.dim() == 3:
        return part
    return part.view(current.shape if part.dim() == 3 else current.shape[1:])


def feature_shape(features: Features) -> tuple[int, ...] | None:
    if features is None:
        return None
    shape = features if isinstance(features, tuple) else (features,)
    if not all(isinstance(size, Integral) and int(size) > 0 for size in shape):
        raise ValueError(f"features: a positive whole number, or a tuple of them, is needed, found {features!r}")
    return tuple(int(size) for size in shape)
