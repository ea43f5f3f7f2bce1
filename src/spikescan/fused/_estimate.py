"""MPE-PSN's operation: estimate, charge, fire and compare, elementwise with one shift in time.

The reference body is plain torch operations, differentiated by autograd; the module `mpe_psn` has the equations.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from ..firing import Threshold, Triangular
from ..random import uniform
from ._problem import without_padding

FIRE = Threshold(surrogate=Triangular())


class Estimation(NamedTuple):
    """What the neuron is, apart from its tensors. previous: whether the charge takes the estimate of the step before
    (else the present one's). half: whether the current is rounded to 16 bits, to be kept so."""

    decay: float
    previous: bool
    half: bool = False


class Inputs(NamedTuple):
    """One chunk. Without `carried` it begins at rest, without a `seed` nothing is drawn, without `kappa` there is no
    loss, without `lengths` all steps count."""

    current: Tensor  # (T, B, *features)
    carried: Tensor | None  # (B, *features): û of the step before (previous), u of it (current)
    seed: Tensor | None  # 0-d int64
    step: Tensor  # 0-d int64: of the chunk's first
    threshold: Tensor  # 0-d
    kappa: Tensor | None  # a weight for each step of the whole sequence that has a term
    lengths: Tensor | None  # (B,) int64


class Estimated(NamedTuple):
    spikes: Tensor  # (T, B, *features)
    potential: Tensor | None  # u, (T, B, *features)
    carry: Tensor  # (B, *features): û of the last step (previous), u of the last step (current)
    loss: Tensor | None


def estimate_and_fire(inputs: Inputs, how: Estimation, potentials: bool) -> Estimated:
    """The reference body."""
    current, carried, seed, step, threshold, kappa, lengths = inputs
    decay, previous, _ = how
    x = without_padding(current if current.dtype == torch.float64 else current.float(), lengths)
    steps = step + torch.arange(len(x), device=x.device)
    rate = torch.sigmoid(x)
    if seed is not None:
        rate = (uniform(x.shape, seed=seed, step=step, device=x.device, backend="reference") < rate).to(x.dtype)
    estimate = (1 - rate) * x
    carried = torch.zeros_like(x[0]) if carried is None else carried.to(x.dtype)
    if previous:
        charge = decay * torch.cat([carried[None], estimate[:-1]]) + x
    else:
        later = (steps > 0).to(x.dtype).view(-1, *(1,) * (x.dim() - 1))
        charge = decay * later * estimate + x
    spikes = FIRE(charge, charge, None, threshold.to(x.dtype))
    potential = (1 - spikes) * charge
    loss = None
    if kappa is not None:
        target = potential if previous else torch.cat([carried[None], potential[:-1]])
        weight = step_weights(kappa, step, len(x), previous).to(x.dtype)
        distance = without_padding((estimate - target).square(), lengths)
        loss = (weight * distance.flatten(1).sum(1)).sum() / loss_terms(kappa, x, lengths, previous)
    carry = last_valid(estimate if previous else potential, carried, lengths)
    spikes, potential = (without_padding(sequence, lengths) for sequence in (spikes, potential))
    return Estimated(spikes.to(current.dtype), potential.to(current.dtype) if potentials else None, carry, loss)


def step_weights(kappa: Tensor, step: Tensor, length: int, previous: bool) -> Tensor:
    """κ of each step of the chunk, (T,); 0 where a step has no term."""
    if previous:
        index = step + torch.arange(length, device=kappa.device)
        return kappa.index_select(0, index)
    index = step + torch.arange(-1, length - 1, device=kappa.device)
    return kappa.index_select(0, index.clamp_min(0)) * (index >= 0)


def loss_terms(kappa: Tensor, current: Tensor, lengths: Tensor | None, previous: bool) -> Tensor | int:
    """How many terms the mean is over: the whole sequence's, also for a chunk of it."""
    rows, neurons = current.shape[1], current.shape[2:].numel()
    if lengths is None:
        return max(1, len(kappa) * rows * neurons)
    valid = lengths if previous else (lengths - 1).clamp_min(0)
    return (valid.sum() * neurons).clamp_min(1)


def last_valid(sequence: Tensor, initial: Tensor, lengths: Tensor | None) -> Tensor:
    """The value after each row's last valid step."""
    if lengths is None:
        return sequence[-1]
    rows = torch.arange(len(lengths), device=lengths.device)
    none = (lengths < 1).view(-1, *(1,) * (sequence.dim() - 2))
    return torch.where(none, initial, sequence[(lengths - 1).clamp_min(0), rows])
