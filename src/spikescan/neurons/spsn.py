"""The stochastic parallelizable spiking neuron (Yarga and Wood, 2023): a leaky integrator that never resets, and a
firing function applied to each step on its own, so that all steps are computed at once.

i synaptic current, u membrane potential, ρ firing probability, s spikes, α, β decays.
"""

import torch
from torch import Tensor

from ..firing import Firing
from ..firing import firing as find_firing
from ..fused import Dynamics
from ._leaky import Features, LeakyNeuron


class SPSN(LeakyNeuron):
    """i[t] = α i[t-1] + x[t];  u[t] = β u[t-1] + (1-β) i[t];  s[t] = fire(u[t])   (SPSN eq. 5, 7, 17-19).

    Args:
        tau_mem, tau_syn: seconds (20 ms); `tau_syn=None` leaves the synapse out, i = x.
        dt: time step in seconds (1 ms).
        firing: a registered name ("bernoulli" is SPSN-SB, "gumbel" SPSN-GS; see `spikescan.firing.FIRINGS`) or a
            `Firing` of your own.
        threshold: for the firing functions that have one; None takes the function's own.
        learn_tau, learn_threshold, features: learn them, for each of `features`.
        deterministic: evaluate without draws: 1/2 stands for each, and the neuron fires where its probability is
            over 1/2.
        memory, spike_dtype: see `IntegratingNeuron`.
        backend: see `Neuron`.
    """

    def __init__(
        self,
        tau_mem: float | Tensor = 20e-3,
        tau_syn: float | Tensor | None = 20e-3,
        dt: float = 1e-3,
        firing: str | Firing = "bernoulli",
        *,
        threshold: float | None = None,
        learn_tau: bool = False,
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
            tau_mem,
            tau_syn,
            dt,
            dynamics=Dynamics(fire),
            threshold=fire.default_threshold if threshold is None else threshold,
            learn_tau=learn_tau,
            learn_threshold=learn_threshold,
            features=features,
            backend=backend,
            deterministic=deterministic,
            memory=memory,
            spike_dtype=spike_dtype,
        )
