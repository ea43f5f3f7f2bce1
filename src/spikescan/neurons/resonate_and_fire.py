"""The parallel resonate-and-fire neuron: a resonator that never resets, and a firing function applied to each step.

z state, u potential, s spikes, λ pole, b input gain.
"""

import torch

from ..firing import Firing
from ..firing import firing as find_firing
from ..fused import Dynamics
from ._integrating import Features
from ._pole import Range
from .resonator import ResonatingNeuron


class ResonateAndFire(ResonatingNeuron):
    """z[t] = λ z[t-1] + b x[t], λ = exp(dt·(-1/tau + 2πi·frequency));  u = Re z;  s[t] = fire(u[t]).

    With a threshold and `input_gain="dt"` it is PRF (arXiv 2410.03530); C-SiLIF (arXiv 2506.06374) without its reset is
    `threshold=0.5`. `CSiLIF` has the reset, and is sequential.

    Args:
        tau: seconds (50 ms); a number, a tensor over the features, or a range (low, high) over which they are spread.
        frequency: hertz (10), likewise; at most 1/(2·dt).
        dt: time step in seconds (1 ms).
        firing: a registered name (see `spikescan.firing.FIRINGS`) or a `Firing` of your own.
        threshold: for the firing functions that have one; None takes the function's own.
        part: "real", or "imaginary" to fire on Im z.
        input_gain: "normalised", b = 1 - |λ|: the gain at resonance is about 1; "unit", b = 1; "dt", b = dt.
        learn_tau, learn_frequency, learn_threshold, features: learn them, for each of `features`.
        deterministic: evaluate without draws, as of `SPSN`.
        memory, spike_dtype: see `IntegratingNeuron`.
        backend: see `Neuron`.
    """

    def __init__(
        self,
        tau: Range = 50e-3,
        frequency: Range = 10.0,
        dt: float = 1e-3,
        firing: str | Firing = "threshold",
        *,
        threshold: float | None = None,
        part: str = "real",
        input_gain: str = "normalised",
        learn_tau: bool = False,
        learn_frequency: bool = False,
        learn_threshold: bool = False,
        features: Features = None,
        deterministic: bool = False,
        memory: str = "full",
        spike_dtype: torch.dtype | None = None,
        backend: str = "auto",
    ) -> None:
        fire = find_firing(firing)
        if threshold is not None and fire.default_threshold is None:
            raise ValueError(f"threshold: {fire} has none")
        super().__init__(
            tau,
            frequency,
            dt,
            dynamics=Dynamics(fire),
            threshold=fire.default_threshold if threshold is None else threshold,
            part=part,
            input_gain=input_gain,
            learn_tau=learn_tau,
            learn_frequency=learn_frequency,
            learn_threshold=learn_threshold,
            features=features,
            deterministic=deterministic,
            memory=memory,
            spike_dtype=spike_dtype,
            backend=backend,
        )


NAMED = {"resonate-and-fire": ResonateAndFire}
