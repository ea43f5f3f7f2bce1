"""LIF in parallel: guess the spikes, integrate with the resets that they make, and look again which spikes that gives.

Given the spikes, the reset is linear in time, so each iteration is a scan over all steps. After k iterations at least
the first k steps of each neuron are right, mostly far more. Source: FPT (arXiv 2506.12087), there with a soft reset.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from ..fused._estimate import last_valid
from ..fused._problem import gain, without_padding
from ..scan import linear_scan
from ..scan._checks import accumulate_dtype
from ..types import NeuronOutput, State
from ._base import begin
from .lif import LIF


class IteratedLIF(NamedTuple):
    """`output`: as the neuron's own `run` with potentials. `residual`: the share of all (step, sample, neuron) whose
    spike the last iteration changed, a 0-d tensor; 0: the output is the sequential neuron's, to rounding."""

    output: NeuronOutput
    residual: Tensor


def iterated_lif(
    neuron: LIF,
    current: Tensor,
    state: State | None = None,
    *,
    iterations: int = 3,
    lengths: Tensor | None = None,
) -> IteratedLIF:
    """`neuron.run(current, state, lengths=lengths)` by so many scans over time, with no loop over steps.

    It is for devices where a scan over many steps costs little more than one over few; on a CPU the fused sequential
    neuron is faster. Gradients are those of the sequential neuron where the residual is 0.

    Args:
        neuron: with a hard or soft reset that carries no gradient (`detach_reset=True`).
        current: (T, B, *features).
        state: what an earlier chunk returned; None starts at rest.
        iterations: scans, 1 or more; T are enough for every input.
        lengths: int64 (B,) valid steps.
    Raises:
        TypeError, ValueError: naming the argument.
    """
    if not isinstance(neuron, LIF):
        raise TypeError(f"neuron: a LIF is needed, found {type(neuron).__name__}")
    how = neuron.dynamics
    if not how.detach_reset:
        raise ValueError("neuron: its reset carries a gradient, which no scan gives; take detach_reset=True")
    if isinstance(iterations, bool) or not isinstance(iterations, int) or iterations < 1:
        raise ValueError(f"iterations: a whole number from 1 on is needed, found {iterations!r}")
    state, step, lengths = begin(current, state, None, lengths, False, neuron._carried)
    dtype = accumulate_dtype(current)
    beta, threshold = neuron.decay_mem(), neuron.threshold
    assert threshold is not None
    threshold = threshold.to(dtype)
    i = without_padding(current, lengths).to(dtype)
    if neuron.decay_syn is not None:
        i = linear_scan(i, neuron.decay_syn(), _started(state.synapse, dtype), backend=neuron.backend)
    start = _started(state.potential, dtype)
    free = linear_scan(gain(beta, how.leaky_gain, dtype) * i, beta, start, backend=neuron.backend)
    spikes, w = torch.zeros_like(free), free
    residual = free.new_zeros(())
    for _ in range(iterations):
        w = _after_resets(free, spikes, beta, threshold, neuron)
        found = without_padding((w.detach() > threshold.detach()).to(dtype), lengths)
        residual, spikes = (found != spikes).to(dtype).mean(), found
    assert how.firing is not None
    fired = how.firing(w, w, None, threshold)
    u = w * (1 - spikes) if how.reset == "hard" else w - threshold * spikes
    synapse = None if neuron.decay_syn is None else _last(i, state.synapse, lengths)
    after = State(synapse, _last(u, state.potential, lengths), state.seed, step + len(current))
    spike_dtype = neuron.spike_dtype or current.dtype
    output = NeuronOutput(
        without_padding(fired, lengths).to(spike_dtype), after, without_padding(u, lengths).to(current.dtype)
    )
    return IteratedLIF(output, residual)


def _after_resets(free: Tensor, spikes: Tensor, beta: Tensor, threshold: Tensor, neuron: LIF) -> Tensor:
    """The potential before each step's own reset, (T, B, *features), given the spikes of the steps before."""
    dtype = free.dtype
    before = torch.cat([torch.zeros_like(spikes[:1]), spikes[:-1]])
    if neuron.dynamics.reset == "soft":
        return free - threshold * beta.to(dtype) * linear_scan(before, beta, backend=neuron.backend)
    # A hard reset forgets all that came up to it: β^(t - k)·free[k] of what is there at t, k the last spike before t.
    steps = torch.arange(1, len(free) + 1, device=free.device).view(-1, *(1,) * (free.dim() - 1))
    last = (steps * (spikes > 0)).cummax(0).values  # 0: none, else k + 1
    last = torch.cat([torch.zeros_like(last[:1]), last[:-1]])
    passed = (beta ** (steps - last)).to(dtype)
    return free - torch.where(last > 0, passed * free.gather(0, (last - 1).clamp(min=0)), 0)


def _started(value: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    return None if value is None else value.to(dtype)


def _last(sequence: Tensor, before: Tensor | None, lengths: Tensor | None) -> Tensor:
    start = torch.zeros_like(sequence[0]) if before is None else before.to(sequence.dtype)
    return last_valid(sequence, start, lengths)
