"""The definitions of hair cell, nerve fibres and bushy cell: what the kernels equal, what runs where there are none.

In the precision of their input: float64 to compare with other programs, float32 to give the very numbers of the
kernels. All are (T, C), time first; each takes up and leaves its part of a `State`.
"""

import numpy as np
import torch

from spikescan.random import philox

from ._constants import Cells
from ._state import State

WORD = 0xFFFFFFFF


def membrane(sound: np.ndarray, poles: np.ndarray, state: State) -> np.ndarray:
    """Velocity (T, C) of a sum of complex poles, two samples of sound a step.

    z[t] = λ² z[t-1] + bλ x[2t-1] + b x[2t] for each pole and channel; the velocity is the sum of their real parts.

    Args:
        sound: (T, 2), the samples x[2t-1] and x[2t].
        poles: (P, 6, C), real and imaginary parts of λ², bλ and b.
    """
    velocity = np.zeros((len(sound), poles.shape[2]), sound.dtype)
    for pole, z in zip(poles, state.poles, strict=True):
        real, imaginary = z
        for t, (odd, even) in enumerate(sound):
            real, imaginary = (
                (pole[0] * real - pole[1] * imaginary) + (pole[2] * odd + pole[4] * even),
                (pole[0] * imaginary + pole[1] * real) + (pole[3] * odd + pole[5] * even),
            )
            velocity[t] += real
        z[:] = real, imaginary
    return velocity


def hair_cell(velocity: np.ndarray, k: Cells, state: State) -> np.ndarray:
    """The probability (T, C) that a fibre fires in a step, from the pools q (free), c (cleft) and w (reprocessed)."""
    zero = velocity.dtype.type(0)
    k = k.rounded(velocity.dtype.type)
    q, c, w = state.pools
    probability = np.empty_like(velocity)
    for t, v in enumerate(velocity):
        drive = v + k.a
        permeability = np.where(drive > 0, k.g * drive / (drive + k.b), zero)
        replenished = np.where(q < k.m, k.y * (k.m - q), zero)
        ejected, reprocessed = permeability * q, k.x * w
        q, c, w = (
            np.maximum(((q + replenished) - ejected) + reprocessed, zero),
            np.maximum((c + ejected) - k.l_plus_r * c, zero),
            np.maximum((w + k.r * c) - reprocessed, zero),
        )
        probability[t] = k.h * c
    state.pools[:] = q, c, w
    return probability


def fibres(probability: np.ndarray, uniform: np.ndarray, k: Cells, state: State) -> np.ndarray:
    """How many fibres fire (T, C), each with its probability unless it did in the last `dead` - 1 steps.

    The fibres of a channel are alike, so those that may fire are only counted: n of them give a binomial number, which
    one draw a step decides, and so it is distributed as that many single fibres.
    """
    one = probability.dtype.type(1)
    counts = np.empty_like(probability)
    for t, (p, draw) in enumerate(zip(probability, uniform, strict=True)):
        silent = state.silent[(state.step + t) % k.dead]
        ready = state.ready[0] + silent
        counts[t] = silent[:] = _binomial(p, ready, draw, one)
        state.ready[0] = ready - counts[t]
    return counts


def draws(seed: int, step: int, steps: int, first: int, lanes: int) -> np.ndarray:
    """Of the fibres (T, C): float32 (k + 1/2) / 2^16, two from each word of Philox (`spikescan.random`).

    Sixty-four channels from c on take the counters c div 8 to c div 8 + 7 at each step: of their words, w0 and w1 of
    each counter and then w2 and w3, the lower halves are for the first 32 channels, the upper ones for the others.
    """
    eighth = torch.arange(first // 8, (first + lanes) // 8)
    at = torch.arange(step, step + steps)[:, None]
    words = philox(
        (eighth, torch.zeros(()).long(), at & WORD, at >> 32),
        (torch.tensor(seed & WORD), torch.tensor(seed >> 32 & WORD)),
    )
    w0, w1, w2, w3 = (word.expand(steps, len(eighth)).reshape(steps, -1, 8) for word in words)
    block = torch.cat([torch.stack([w0, w1], -1).flatten(2), torch.stack([w2, w3], -1).flatten(2)], -1)
    halves = torch.cat([block & 0xFFFF, block >> 16], -1).reshape(steps, lanes)
    return ((halves.float() + 0.5) / 2**16).numpy()


def _binomial(p: np.ndarray, n: np.ndarray, draw: np.ndarray, one: np.floating) -> np.ndarray:
    """The smallest k at which the draw is below the distribution's sum from 0 to k."""
    whole, power, term = n.astype(np.int64), one - p, np.full_like(p, one)
    for bit in range(6):  # (1 - p)^n; n is at most 63
        term = np.where(whole >> bit & 1, term * power, term)
        power = power * power
    total, count, odds = term, np.zeros_like(p), p / (one - p)
    k = 0
    while (above := draw >= total).any() and k < n.max():
        count = np.where(above, count + one, count)
        term = term * ((n - p.dtype.type(k)) * p.dtype.type(1 / (k + 1)) * odds)
        total, k = total + term, k + 1
    return np.minimum(count, n)


def bushy_cell(counts: np.ndarray, k: Cells, state: State) -> np.ndarray:
    """Whether the leaky integrate-and-fire neuron of each channel fires (T, C): bool."""
    zero, one = counts.dtype.type(0), counts.dtype.type(1)
    k = k.rounded(counts.dtype.type)
    current, potential, hold = state.bushy
    fired = np.empty(counts.shape, bool)
    for t, count in enumerate(counts):
        current = current * k.leak_current + count
        charged = np.minimum(potential * k.leak_potential + current * k.weight, one)
        potential = np.where(hold > 0, zero, charged)
        fired[t] = potential >= one
        hold = np.where(fired[t], k.hold, hold - one)
    state.bushy[:] = current, potential, hold
    return fired


def resample(samples: np.ndarray, filters: np.ndarray, start: np.ndarray, phase: np.ndarray) -> np.ndarray:
    """The product of row phase[n] of the filters with the samples from start[n] on, summed in sixteen parts: (n,)."""
    if not len(start):
        return np.empty(0, np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(samples, filters.shape[1])[start]
    parts = (windows * filters[phase]).reshape(len(start), -1, 16)
    total = np.zeros((len(start), 16), np.float32)
    for part in parts.transpose(1, 0, 2):
        total = total + part
    while total.shape[1] > 1:
        half = total.shape[1] // 2
        total = total[:, :half] + total[:, half:]
    return total[:, 0]


def spectra(
    table: np.ndarray, first: np.ndarray, weights: np.ndarray, sound: np.ndarray, ends: np.ndarray
) -> np.ndarray:
    """Half the spectrum, (C, M // 2 + 1), of the real part of the transform of sound times response.

    Args:
        table: (C, points) the response, of which bin k's is the product of weights[k] with the points from first[k] on.
        sound: (M,) its spectrum.
        ends: (C,) the bin from which on the response is taken for 0.
    """
    bins = len(sound)
    values = sum(weights[:, j] * table[:, first + j] for j in range(weights.shape[1])) * sound
    values[np.arange(bins) >= ends[:, None]] = 0
    half = np.arange(bins // 2 + 1)
    return ((values[:, half] + values[:, -half].conj()) / 2).astype(np.complex64)
