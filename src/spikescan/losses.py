"""Losses over whole sequences. Everything is time first; ``lengths`` (B,) masks the padding behind each row.

Letters: T steps, B batch rows, C classes, N neurons. Steps t >= lengths[b] of row b count in nothing.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def valid_steps(sequence: Tensor, lengths: Tensor | None) -> Tensor:
    """(T, B) mask, true where a step of ``sequence`` (T, B, ...) is data and not padding."""
    steps, rows = sequence.shape[:2]
    if lengths is None:
        return torch.ones(steps, rows, dtype=torch.bool, device=sequence.device)
    return torch.arange(steps, device=sequence.device)[:, None] < lengths.to(sequence.device)


def _full(sequence: Tensor) -> Tensor:
    """At least float32: a sum over a thousand steps of half precision would stand still."""
    return sequence if sequence.dtype.itemsize >= 4 else sequence.float()


def _mean(potential: Tensor, lengths: Tensor | None) -> Tensor:
    if lengths is None:
        return potential.mean(0)
    valid = valid_steps(potential, lengths)[..., None]
    total = potential.masked_fill(~valid, 0).sum(0)
    return total / valid.sum(0).clamp(min=1)


def _max(potential: Tensor, lengths: Tensor | None) -> Tensor:
    if lengths is None:
        return potential.amax(0)
    valid = valid_steps(potential, lengths)[..., None]
    highest = potential.masked_fill(~valid, -torch.inf).amax(0)
    return torch.where(valid.any(0), highest, 0)  # a row without any step scores 0, not -inf


def _last(potential: Tensor, lengths: Tensor | None) -> Tensor:
    if lengths is None:
        return potential[-1]
    rows = torch.arange(potential.shape[1], device=potential.device)
    lengths = lengths.to(potential.device)
    final = potential[(lengths - 1).clamp(min=0), rows]  # (B, C)
    return torch.where(lengths[:, None] > 0, final, 0)


def _softmax_sum(potential: Tensor, lengths: Tensor | None) -> Tensor:
    if lengths is None:
        return potential.softmax(-1).sum(0)
    padding = ~valid_steps(potential, lengths)[..., None]
    # Masked on both sides of the softmax: what stands in the padding may be NaN, and its gradient would be too.
    return potential.masked_fill(padding, 0).softmax(-1).masked_fill(padding, 0).sum(0)


READOUTS: dict[str, Callable[[Tensor, Tensor | None], Tensor]] = {
    "mean": _mean,
    "max": _max,
    "last": _last,
    "softmax-sum": _softmax_sum,
}


def readout(potential: Tensor, mode: str = "mean", lengths: Tensor | None = None) -> Tensor:
    """Class scores (B, C), the logits of the cross-entropy, from the readout's potential (T, B, C).

    ``mean``, ``max`` and ``last`` are over time (SPSN eq. 20 and Fig. 2). ``softmax-sum`` adds up the softmax
    of every step (Bittar & Garner 2022): each step has one vote to share out, so that a single loud moment
    cannot decide.
    A row of length 0 scores 0 in every mode.

    Raises:
        ValueError: for a mode that is not in ``READOUTS``.
    """
    if mode not in READOUTS:
        raise ValueError(f"readout mode: got {mode!r}, choose from {', '.join(READOUTS)}")
    return READOUTS[mode](_full(potential), lengths)


def spike_frequency(layers: Sequence[Tensor], lengths: Tensor | None = None) -> Tensor:
    """Sum over neurons of the mean spikes a step, Σ_n mean_{t,b} s_n: a scalar between 0 and N.

    Args:
        layers: spikes of each hidden layer, (T, B, *features) each.
        lengths: (B,) steps of each row; the mean is over the steps of data alone.
    """
    valid = valid_steps(layers[0], lengths)
    steps = valid.sum().clamp(min=1)
    per_step = (_full(spikes).flatten(2).sum(2) for spikes in layers)  # (T, B) each
    return torch.stack([count.masked_fill(~valid, 0).sum() / steps for count in per_step]).sum()


def spike_regulariser(layers: Sequence[Tensor], limit: float, lengths: Tensor | None = None) -> Tensor:
    """SPSN eq. 21: relu(Σ_n mean_{t,b} s_n - limit·N)², with N all hidden neurons. Scalar.

    ``limit`` is the paper's θ, in spikes a step and neuron. The mean over batch and time is inside the relu:
    below the limit the gradient is exactly zero, above it every spike weighs 2·excess/(T·B).
    """
    neurons = sum(spikes[0, 0].numel() for spikes in layers)
    return F.relu(spike_frequency(layers, lengths) - limit * neurons).square()


def tet(potential: Tensor, labels: Tensor, weight: float = 1e-3, lengths: Tensor | None = None) -> Tensor:
    """Temporal efficient training: (1-λ)·mean_t CE(out[t], y) + λ·MSE(out, 1). Scalar.

    Args:
        potential: readout (T, B, C).
        labels: (B,) class indices.
        weight: λ, dimensionless.
        lengths: (B,) steps of each row; both means are over the steps of data alone.
    """
    valid = valid_steps(potential, lengths)
    flat, steps = _full(potential)[valid], valid.shape[0]  # (valid steps, C)
    entropy = F.cross_entropy(flat, labels.expand(steps, -1)[valid])
    return (1 - weight) * entropy + weight * (flat - 1).square().mean()


def mpe_total(loss: Tensor, estimation: Sequence[Tensor], weight: float, floor: float = -torch.inf) -> Tensor:
    """MPE-PSN's total, (1-λ_mem)·L + λ_mem·Σ_layers L_mem. Scalar; ``weight`` is λ_mem, and the sum is at least
    ``floor``."""
    return (1 - weight) * loss + weight * torch.stack(tuple(estimation)).sum().clamp(min=floor)
