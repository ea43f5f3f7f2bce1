"""The adaptive leaky integrate-and-fire neuron (adLIF, SiLIF): a second state that the potential and the spikes drive,
and that holds the potential down. Sequential in time.

u potential, w adaptation, s spikes, α, β their decays, a, b what drives the adaptation, θ threshold.
"""

import torch
from torch import Tensor, nn

from ..firing import Surrogate, Threshold
from ..firing import surrogate as find_surrogate
from ..fused import Dynamics
from ..scan._checks import check_finite
from ._coupled import CoupledNeuron
from ._decay import Decay
from ._integrating import Features


class AdaptiveLIF(CoupledNeuron):
    """w[t] = β w[t-1] + a u[t-1] + b s[t-1];  u[t] = α (u[t-1] - θ s[t-1]) + (1-α)(x[t] - w[t]);  s[t] = Θ(u[t] - θ)

    (Bittar and Garner, 2022; SiLIF of arXiv 2506.06374 is the same with other ranges). What is carried and returned has
    the spike taken off: `potential` is u - θ s, and `synapse` is w + (b + a θ) s / β, from which the next w follows.

    Args:
        tau_mem, tau_adapt: seconds (20 ms, 100 ms); > 0.
        dt: time step in seconds (1 ms).
        threshold: θ (1).
        a, b: what a potential of 1 and a spike add to the adaptation in a step (0.1, 0.5); finite.
        detach_reset: whether reset and adaptation by spikes carry no gradient (False, as published).
        surrogate: of Θ′; a registered name or an object.
        learn_tau, learn_adaptation, learn_threshold, features: learn them, for each of `features`; a and b without
            bounds.
        memory, spike_dtype: see `IntegratingNeuron`.
        backend: see `Neuron`.
    """

    a: Tensor
    b: Tensor

    def __init__(
        self,
        tau_mem: float | Tensor = 20e-3,
        tau_adapt: float | Tensor = 100e-3,
        dt: float = 1e-3,
        threshold: float = 1.0,
        *,
        a: float = 0.1,
        b: float = 0.5,
        detach_reset: bool = False,
        surrogate: str | Surrogate = "boxcar",
        learn_tau: bool = False,
        learn_adaptation: bool = False,
        learn_threshold: bool = False,
        features: Features = None,
        memory: str = "full",
        spike_dtype: torch.dtype | None = None,
        backend: str = "auto",
    ) -> None:
        super().__init__(
            dt,
            dynamics=Dynamics(Threshold(surrogate=find_surrogate(surrogate)), "soft", detach_reset),
            threshold=threshold,
            learned=learn_tau or learn_adaptation or learn_threshold,
            learn_threshold=learn_threshold,
            features=features,
            memory=memory,
            spike_dtype=spike_dtype,
            backend=backend,
        )
        self.decay_mem = Decay("tau_mem", tau_mem, dt, learn_tau, self.features)
        self.decay_adapt = Decay("tau_adapt", tau_adapt, dt, learn_tau, self.features)
        if not bool((torch.as_tensor(tau_adapt, device="cpu") > 0).all()):
            raise ValueError(f"tau_adapt: a positive time constant in seconds is needed, found {tau_adapt}")
        for name, value in (("a", a), ("b", b)):
            check_finite(value, name)
            self._add(name, float(value), learn_adaptation)

    def _add(self, name: str, value: float, learn: bool) -> None:
        if not learn:
            self.add_constant(name, torch.tensor(value, dtype=torch.float64, device="cpu"))
        elif self.features is None:
            raise ValueError(f"features: their number is needed to learn one {name} for each")
        else:
            self.register_parameter(name, nn.Parameter(torch.full(self.features, value, dtype=torch.float32)))

    def _rows(self) -> tuple[Tensor, ...]:
        alpha, beta = self.decay_mem(), self.decay_adapt()
        assert self.threshold is not None
        a, b, theta = (value.to(torch.float64) for value in (self.a, self.b, self.threshold))
        none = torch.zeros_like(a)
        return beta, a, none, alpha - (1 - alpha) * a, -(1 - alpha) * beta, 1 - alpha, (b + a * theta) / beta


NAMED = {"adaptive-lif": AdaptiveLIF}
