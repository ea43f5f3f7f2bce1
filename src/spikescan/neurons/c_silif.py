"""C-SiLIF: a resonator with a soft reset, sequential in time because of it (arXiv 2506.06374).

z state, s spikes, λ pole, b input gain, u_th threshold.
"""

import torch

from ..firing import Surrogate, Threshold
from ..firing import surrogate as find_surrogate
from ..fused import Dynamics
from ._integrating import Features
from ._pole import Range
from .resonator import ResonatingNeuron


class CSiLIF(ResonatingNeuron):
    """z[t] = λ (z[t-1] - u_th s[t-1]) + b x[t], λ = exp(dt·(-1/tau + 2πi·frequency));  s[t] = Θ(Re z[t] - u_th).

    The state that is carried, and the potentials that are returned, have the spike taken off.

    Args:
        tau, frequency, dt, input_gain: see `ResonateAndFire`; the authors learn b and λ from a range of frequencies.
        threshold: u_th (0.5, as published: Θ(2 Re z - 1), and half a spike is taken off).
        detach_reset: whether the reset carries no gradient (False, as published).
        surrogate: of Θ′; a registered name or an object.
        learn_tau, learn_frequency, learn_threshold, features: learn them, for each of `features`.
        memory, spike_dtype: see `IntegratingNeuron`.
        backend: see `Neuron`.
    """

    def __init__(
        self,
        tau: Range = 50e-3,
        frequency: Range = 10.0,
        dt: float = 1e-3,
        threshold: float = 0.5,
        *,
        input_gain: str = "normalised",
        detach_reset: bool = False,
        surrogate: str | Surrogate = "boxcar",
        learn_tau: bool = False,
        learn_frequency: bool = False,
        learn_threshold: bool = False,
        features: Features = None,
        memory: str = "full",
        spike_dtype: torch.dtype | None = None,
        backend: str = "auto",
    ) -> None:
        super().__init__(
            tau,
            frequency,
            dt,
            dynamics=Dynamics(Threshold(surrogate=find_surrogate(surrogate)), "soft", detach_reset),
            threshold=threshold,
            input_gain=input_gain,
            learn_tau=learn_tau,
            learn_frequency=learn_frequency,
            learn_threshold=learn_threshold,
            features=features,
            memory=memory,
            spike_dtype=spike_dtype,
            backend=backend,
        )


NAMED = {"c-silif": CSiLIF}
