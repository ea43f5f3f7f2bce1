"""The resonator: a complex leaky integrator, whose potential oscillates as it decays. No spikes.

z state, u potential, λ pole, b input gain.
"""

from typing import Any

import torch
from torch import Tensor

from ..fused import Dynamics
from ..types import Seed, State
from ._coupled import CoupledNeuron
from ._integrating import Features
from ._pole import Pole, Range

PARTS = "real", "imaginary"


class ResonatingNeuron(CoupledNeuron):
    """z[t] = λ z[t-1] + b x[t], λ = exp(dt·(-1/tau + 2πi·frequency));  u = Re z or Im z, and what `dynamics` adds.

    Between steps a state's `potential` is u, its `synapse` the other part of z, with the sign that makes the pair turn:
    Im z beside Re z, -Re z beside Im z.
    """

    def __init__(
        self,
        tau: Range,
        frequency: Range,
        dt: float,
        *,
        dynamics: Dynamics,
        part: str = "real",
        input_gain: str = "normalised",
        learn_tau: bool = False,
        learn_frequency: bool = False,
        **options: Any,
    ) -> None:
        if part not in PARTS:
            raise ValueError(f"part: {part!r} is not real or imaginary")
        super().__init__(dt, dynamics=dynamics, learned=learn_tau or learn_frequency, **options)
        self.part = part
        self.pole = Pole(tau, frequency, dt, input_gain, (learn_tau, learn_frequency), self.features)

    def _rows(self) -> tuple[Tensor, ...]:
        real, imaginary, gain = self.pole()
        none = torch.zeros_like(gain)
        ix, ux = (none, gain) if self.part == "real" else (-gain, none)
        return real, imaginary, ix, real, -imaginary, ux, none


class Resonator(ResonatingNeuron):
    """z[t] = λ z[t-1] + b x[t], λ = exp(dt·(-1/tau + 2πi·frequency)).

    Called, it returns the potentials Re z (T, B, *features); `run(...).potential` has them, `.spikes` is None.

    Args:
        tau: seconds (50 ms); a number, a tensor over the features, or a range (low, high) over which they are spread.
        frequency: hertz (10), likewise; at most 1/(2·dt).
        dt: time step in seconds (1 ms).
        part: "real", or "imaginary" for Im z.
        input_gain: "normalised", b = 1 - |λ|; "unit", b = 1; "dt", b = dt.
        learn_tau, learn_frequency, features: learn them, for each of `features`.
        memory: see `IntegratingNeuron`.
        backend: see `Neuron`.
    Source: Izhikevich, Resonate-and-fire neurons (2001); in parallel, PRF (arXiv 2410.03530).
    """

    spiking = False

    def __init__(
        self,
        tau: Range = 50e-3,
        frequency: Range = 10.0,
        dt: float = 1e-3,
        *,
        part: str = "real",
        input_gain: str = "normalised",
        learn_tau: bool = False,
        learn_frequency: bool = False,
        features: Features = None,
        memory: str = "full",
        backend: str = "auto",
    ) -> None:
        super().__init__(
            tau,
            frequency,
            dt,
            dynamics=Dynamics(firing=None),
            part=part,
            input_gain=input_gain,
            learn_tau=learn_tau,
            learn_frequency=learn_frequency,
            features=features,
            memory=memory,
            backend=backend,
        )

    def forward(self, current: Tensor, seed: Seed | None = None) -> Tensor:
        """The potentials."""
        return self.advance(current, seed=seed)[0]

    def advance(self, current: Tensor, state: State | None = None, *, seed: Seed | None = None) -> tuple[Tensor, State]:
        """(potentials, state)."""
        out = self.run(current, state, seed=seed)
        assert out.potential is not None
        return out.potential, out.state
