"""MPE-PSN (Chen et al., "Time-independent Spiking Neuron via Membrane Potential Estimation"): no recurrence at all.

I current, ô drawn spike, û estimate of the membrane after a step, h charge, o spikes, u membrane after the reset,
τ decay (dimensionless), V_th threshold, κ weight of a step in the estimation loss.
"""

from numbers import Integral

import torch
from torch import Tensor, nn

from ..fused import Estimation, Inputs, estimate_and_fire
from ..scan._checks import check_current, check_device, check_finite, check_share
from ..types import NeuronOutput, Seed, State
from ._base import Neuron, begin, check_memory


class MPEPSN(Neuron):
    """ô[t] ~ Bernoulli(σ(I[t]));  û[t] = (1 - ô[t])·I[t];  h[t] = τ û[t-1] + I[t];  o[t] = Θ(h[t] - V_th);
    u[t] = (1 - o[t])·h[t];  L_mem = mean κ[t]·(û[t] - u[t])²   (the paper's equations, estimate="previous").

    With estimate="current", as in the published gesture and N-Caltech101 runs: h[t] = τ û[t] + I[t] for t >= 1,
    h[0] = I[0], and L_mem is the mean over t = 1…T-1 of κ[t]·(û[t] - u[t-1])².

    Args:
        steps: T, for which κ holds a weight each; `run` then returns L_mem and accepts no other length (a chunk with
            a state returns its share of L_mem: the shares add up to the whole's). None: any length, no L_mem.
        decay: τ (0.25).
        estimate: "previous" or "current".
        threshold: where the learned V_th starts (1).
        deterministic: (1 - σ(I))·I, the estimate's mean, stands for û: evaluation without draws.
        memory: "full", or "half": the current is rounded to float16 first, as under autocast, and kept so for the
            backward pass: 2 bytes for each neuron and step instead of 4. Gradients are exact for what was computed.
        backend: see `Neuron`.
    Parameters: `threshold` (scalar) and `kappa` (T values that start at 1/T; T-1 values that start at 1/(T-1) for
    estimate="current"). κ is not constrained and can drive its loss down: log it.
    """

    stochastic = True

    def __init__(
        self,
        steps: int | None = None,
        decay: float = 0.25,
        estimate: str = "previous",
        *,
        threshold: float = 1.0,
        deterministic: bool = False,
        memory: str = "full",
        backend: str = "auto",
    ) -> None:
        super().__init__(backend=backend, deterministic=deterministic)
        self.memory = check_memory(memory)
        if estimate not in ("previous", "current"):
            raise ValueError(f"estimate: {estimate!r} is not previous or current")
        check_share(decay, "decay")
        check_finite(threshold, "threshold")
        first = int(estimate == "current")
        if steps is not None and not isinstance(steps, Integral):
            raise TypeError(f"steps: a whole number of time steps is needed, found {type(steps).__name__}")
        if steps is not None and steps < 1 + first:
            raise ValueError(f"steps: at least {1 + first} is needed for estimate={estimate!r}, found {steps}")
        self.steps, self.decay, self.estimate = steps, float(decay), estimate
        self.threshold = nn.Parameter(torch.tensor(float(threshold), dtype=torch.float32))
        self.kappa = None
        if steps is not None:
            self.kappa = nn.Parameter(torch.full((steps - first,), 1 / (steps - first), dtype=torch.float32))

    def run(
        self,
        current: Tensor,
        state: State | None = None,
        *,
        seed: Seed | None = None,
        lengths: Tensor | None = None,
        potentials: bool = False,
    ) -> NeuronOutput:
        check_current(current)
        if state is None:
            self.check_length(current.shape[0])
        if self.steps is not None and state is not None and lengths is not None:
            raise ValueError("lengths: a chunk's share of the estimation loss is unknown with padding; use steps=None")
        return self._run(current, state, seed, lengths, potentials, self.kappa)

    def check_length(self, steps: int) -> None:
        """Raise where a whole sequence of so many steps is not what the estimation loss is over."""
        if self.steps is not None and steps != self.steps:
            raise ValueError(
                f"current: {steps} steps, but the estimation loss of MPEPSN(steps={self.steps}) is over "
                f"{self.steps}; cut the sequence so, or use MPEPSN(steps={steps}) or steps=None"
            )

    def forward(self, current: Tensor, seed: Seed | None = None) -> Tensor:
        """The spikes alone, of a sequence of any length."""
        return self.advance(current, seed=seed)[0]

    def advance(self, current: Tensor, state: State | None = None, *, seed: Seed | None = None) -> tuple[Tensor, State]:
        """(spikes, state) of a chunk of any length."""
        out = self._run(current, state, seed, None, False, None)
        assert out.spikes is not None
        return out.spikes, out.state

    def _run(
        self,
        current: Tensor,
        state: State | None,
        seed: Seed | None,
        lengths: Tensor | None,
        potentials: bool,
        kappa: Tensor | None,
    ) -> NeuronOutput:
        state, step, lengths = begin(current, state, seed, lengths, not self.deterministic, ("potential",))
        check_device(self.threshold, current, "threshold")
        if kappa is not None:
            self._check_end(current, step)
        seed = None if self.deterministic else state.seed  # which it may hold all the same, for later draws
        result = estimate_and_fire(
            Inputs(current, state.potential, seed, step, self.threshold, kappa, lengths),
            Estimation(self.decay, self.estimate == "previous", self.memory == "half"),
            backend=self.backend,
            potentials=potentials,
        )
        after = state._replace(potential=result.carry, step=step + current.shape[0])
        return NeuronOutput(result.spikes, after, result.potential, result.loss)

    def _check_end(self, current: Tensor, step: Tensor) -> None:
        """Values are looked at on the CPU only, where it costs no wait."""
        if torch.compiler.is_compiling() or step.device.type != "cpu":
            return
        if self.steps is not None and int(step) + current.shape[0] > self.steps:
            raise ValueError(
                f"current: steps {int(step)} to {int(step) + current.shape[0]}, of {self.steps} that have a κ"
            )

    def extra_repr(self) -> str:
        return f"steps={self.steps}, decay={self.decay}, estimate={self.estimate}, backend={self.backend}"
