"""The leaky integrator: two scans in a row, no spikes. Readout of the SPSN network.

i synaptic current, u membrane potential, α = exp(-dt/tau_syn), β = exp(-dt/tau_mem).
"""

from torch import Tensor

from ..fused import Dynamics
from ..types import Seed, State
from ._leaky import Features, LeakyNeuron


class LeakyIntegrator(LeakyNeuron):
    """i[t] = α i[t-1] + x[t];  u[t] = β u[t-1] + (1-β) i[t]   (SPSN eq. 5 and 7).

    Called, it returns potentials (T, B, *features); `run(...).potential` has them, `.spikes` is None.

    Args:
        tau_mem, tau_syn: seconds (20 ms); `tau_syn=None` leaves the synapse out.
        dt: time step in seconds (1 ms).
        learn_tau, features: learn a decay for each of `features`.
        memory: see `IntegratingNeuron`; where no time constant is learned, nothing of each step is kept in either mode.
        backend: see `Neuron`.
    """

    spiking = False

    def __init__(
        self,
        tau_mem: float | Tensor = 20e-3,
        tau_syn: float | Tensor | None = 20e-3,
        dt: float = 1e-3,
        *,
        learn_tau: bool = False,
        features: Features = None,
        memory: str = "full",
        backend: str = "auto",
    ) -> None:
        super().__init__(
            tau_mem,
            tau_syn,
            dt,
            dynamics=Dynamics(firing=None),
            learn_tau=learn_tau,
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
