"""The leaky integrate-and-fire neuron, with the options that the two papers' experiments differ in.

i synaptic current, w potential before the reset, u after it, s spikes, α, β decays, u_th threshold.
"""

import math

import torch
from torch import Tensor

from ..firing import Surrogate, Threshold
from ..firing import surrogate as find_surrogate
from ..fused import Dynamics
from ..scan._checks import check_number, check_share
from ._leaky import Features, LeakyNeuron

GAINS = {"leaky": True, "unit": False}


class LIF(LeakyNeuron):
    """w[t] = β u[t-1] + (1-β) i[t];  s[t] = Θ(w[t] - u_th);  u[t] = w[t]·(1 - s[t])   (SPSN eq. 5, 6, 3, in the order
    in which the published code computes them). Sequential in time, because of the reset.

    Args:
        tau_mem, tau_syn: seconds (20 ms); `tau_syn=None` leaves the synapse out, i = x.
        dt: time step in seconds (1 ms).
        threshold: u_th (1).
        reset: "hard", u = w·(1 - s), or "soft", u = w - u_th·s.
        input_gain: "leaky", the membrane takes (1-β)·i, or "unit", it takes i.
        detach_reset: whether the reset carries no gradient (True).
        surrogate: of Θ′; a registered name or an object (fast_sigmoid: 1/(100·abs(w - u_th) + 1)²).
        learn_tau, learn_threshold, features: learn them, for each of `features`.
        memory, spike_dtype: see `IntegratingNeuron`.
        backend: see `Neuron`.
    """

    def __init__(
        self,
        tau_mem: float | Tensor = 20e-3,
        tau_syn: float | Tensor | None = 20e-3,
        dt: float = 1e-3,
        threshold: float = 1.0,
        *,
        reset: str = "hard",
        input_gain: str = "leaky",
        detach_reset: bool = True,
        surrogate: str | Surrogate = "fast_sigmoid",
        learn_tau: bool = False,
        learn_threshold: bool = False,
        features: Features = None,
        memory: str = "full",
        spike_dtype: torch.dtype | None = None,
        backend: str = "auto",
    ) -> None:
        if reset not in ("hard", "soft"):
            raise ValueError(f"reset: {reset!r} is not hard or soft")
        if input_gain not in GAINS:
            raise ValueError(f"input_gain: {input_gain!r} is not leaky or unit")
        firing = Threshold(surrogate=find_surrogate(surrogate))
        super().__init__(
            tau_mem,
            tau_syn,
            dt,
            dynamics=Dynamics(firing, reset, detach_reset, GAINS[input_gain]),
            threshold=threshold,
            learn_tau=learn_tau,
            learn_threshold=learn_threshold,
            features=features,
            memory=memory,
            spike_dtype=spike_dtype,
            backend=backend,
        )

    @classmethod
    def vanilla(
        cls,
        decay: float = 0.25,
        threshold: float = 1.0,
        *,
        dt: float = 1.0,
        memory: str = "full",
        backend: str = "auto",
    ) -> "LIF":
        """The baseline of the MPE-PSN experiments: v ← decay·v + I; o = Θ(v - 1); v ← v·(1 - o), no synapse, triangular
        surrogate, gradient through the reset.

        Args:
            decay: of the potential in a time step, in [0, 1], no unit.
            threshold: finite.
            dt: the time step in seconds; 1 counts time in steps, as the paper does.
            memory, backend: as of `LIF`.
        """
        check_share(decay, "decay")
        check_number(dt, "dt")
        tau = 0.0 if decay == 0 else math.inf if decay == 1 else -dt / math.log(decay)
        return cls(
            tau,
            None,
            dt,
            threshold,
            input_gain="unit",
            detach_reset=False,
            surrogate="triangular",
            memory=memory,
            backend=backend,
        )
