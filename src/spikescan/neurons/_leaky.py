"""The base of all neurons whose membrane is a leaky integrator: LI, LIF and SPSN are declarations on it."""

from typing import Any

from torch import Tensor

from ..fused import Dynamics
from ..scan._checks import one_or_each
from ._decay import Decay
from ._integrating import Coefficients, Features, IntegratingNeuron

__all__ = ["Features", "LeakyNeuron"]


class LeakyNeuron(IntegratingNeuron):
    """Synapse i[t] = α i[t-1] + x[t], membrane u[t] = β u[t-1] + (1-β) i[t], and what `dynamics` adds.

    Args:
        tau_mem, tau_syn: time constants in seconds; `tau_syn=None` means no synapse stage, i = x.
        dt: the time step in seconds.
        learn_tau: learn a decay for each feature, inside (0, 1); needs `features`.
        options: see `IntegratingNeuron`.
    """

    def __init__(
        self,
        tau_mem: float | Tensor,
        tau_syn: float | Tensor | None,
        dt: float,
        *,
        dynamics: Dynamics,
        learn_tau: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(dt, dynamics=dynamics, learned=learn_tau, **options)
        self.decay_mem = Decay("tau_mem", tau_mem, dt, learn_tau, self.features)
        self.decay_syn = None if tau_syn is None else Decay("tau_syn", tau_syn, dt, learn_tau, self.features)

    @property
    def _carried(self) -> tuple[str, ...]:
        return ("potential",) if self.decay_syn is None else ("synapse", "potential")

    def _coefficients(self, current: Tensor) -> Coefficients:
        syn = None if self.decay_syn is None else one_or_each(self.decay_syn.forward(), current, "tau_syn")
        return Coefficients(syn, one_or_each(self.decay_mem.forward(), current, "tau_mem"))
