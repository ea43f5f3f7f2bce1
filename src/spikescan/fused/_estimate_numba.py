"""MPE-PSN on the CPU: one pass over memory forward, one backward, which draws again instead of storing the draws.

x current, ô drawn spike, û estimate, h charge, z = h - V_th, o spike, u membrane after the reset, as in
`spikescan.MPEPSN`. A task is up to BLOCK features of one batch row, over all time: its rows stay in the
first-level cache.
"""

import numpy as np
import torch
from numba import njit
from torch import Tensor

from ..scan._caches import side_by_side, whole_lines
from ..scan._lanes import copy, fill
from ..scan._parallel import task
from ._numba_draws import blocks_of, draw
from ._numba_math import FAST, INLINE, OPTIONS, nil, one, sigmoid

BLOCK = 1024
"""Features in a task, at most: a step's rows then stay in the first-level cache."""


@njit(**INLINE)
def estimates(x, r, draws, out, slope):
    """û of a row, and its derivative."""
    whole_lines()
    for n in range(len(x)):
        side_by_side(4)
        rho = sigmoid(x[n])
        if draws:
            kept = nil(rho) if r[n] < rho else one(rho)
            out[n], slope[n] = kept * x[n], kept
        else:
            out[n] = (one(rho) - rho) * x[n]
            slope[n] = (one(rho) - rho) * (one(rho) - x[n] * rho)


@njit(error_model="numpy", fastmath=FAST | {"reassoc"})
def squared_distance(x, y):
    """Summed in any order: only then is it vector code."""
    whole_lines()
    total = x[0] - x[0]
    for n in range(len(x)):
        total += (x[n] - y[n]) * (x[n] - y[n])
    return total


@njit(error_model="numpy", fastmath=FAST | {"reassoc"})
def total_of(x):
    whole_lines()
    total = x[0] - x[0]
    for n in range(len(x)):
        total += x[n]
    return total


@task(**OPTIONS)
def forward(
    number, x, carried, threshold, decay, previous, draws, seed, step, lengths, spikes, potential, carry, distance
):
    """`distance` (tasks, T) takes the sums of (û - u)²; an empty `potential` is not wanted."""
    whole_lines()
    T, _, N = x.shape
    blocks, th = (N + BLOCK - 1) // BLOCK, threshold[0]
    row, lo = number // blocks, number % blocks * BLOCK
    hi = min(lo + BLOCK, N)
    size = hi - lo
    own = blocks_of(lo, size, size)
    r = np.empty(4 * len(own[0]), np.float32)
    last = carried[row, lo:hi].copy()
    estimate, u, slope = np.empty_like(last), np.empty_like(last), np.empty_like(last)
    steps = min(lengths[row], T) if len(lengths) else T
    for t in range(steps):
        current, s = x[t, row, lo:hi], spikes[t, row, lo:hi]
        if draws:
            draw(r, size, size, own, row, seed, step + t)
        estimates(current, r, draws, estimate, slope)
        source = last if previous else estimate
        rate = decay if previous or step + t > 0 else nil(decay)
        for n in range(size):
            h = rate * source[n] + current[n]
            s[n] = (one(h) if h > th else nil(h)) + (h - h)
            u[n] = (one(h) - s[n]) * h
        target = u if previous else last
        distance[number, t] = squared_distance(estimate, target)
        if len(potential):
            copy(u, potential[t, row, lo:hi])
        if previous:
            last, estimate = estimate, last
        else:
            last, u = u, last
    for t in range(steps, T):
        fill(spikes[t, row, lo:hi], 0)
        distance[number, t] = 0
        if len(potential):
            fill(potential[t, row, lo:hi], 0)
    copy(last, carry[row, lo:hi])
    return 0


@task(**OPTIONS)
def backward(
    number,
    grad_spikes,
    grad_potential,
    grad_carry,
    grad_distance,
    x,
    carried,
    threshold,
    decay,
    previous,
    draws,
    seed,
    step,
    lengths,
    grad_x,
    grad_carried,
    grad_threshold,
):
    """`grad_threshold` (tasks,) is summed by the caller. Runs from the last step to the first: `later` holds what the
    step after asks of this one's û (previous) or u (current)."""
    whole_lines()
    T, _, N = x.shape
    blocks, th = (N + BLOCK - 1) // BLOCK, threshold[0]
    row, lo = number // blocks, number % blocks * BLOCK
    hi = min(lo + BLOCK, N)
    size = hi - lo
    own = blocks_of(lo, size, size)
    r = np.empty(4 * len(own[0]), np.float32)
    later, first = grad_carry[row, lo:hi].copy(), carried[row, lo:hi]
    estimate, slope = np.empty_like(later), np.empty_like(later)
    before, slope_before = np.empty_like(later), np.empty_like(later)
    steps = min(lengths[row], T) if len(lengths) else T
    grad_th, zeros = np.zeros_like(later), np.zeros_like(later)
    for t in range(steps, T):
        fill(grad_x[t, row, lo:hi], 0)
    if steps:
        if draws:
            draw(r, size, size, own, row, seed, step + steps - 1)
        estimates(x[steps - 1, row, lo:hi], r, draws, estimate, slope)
    for t in range(steps - 1, -1, -1):
        current, gs, out = x[t, row, lo:hi], grad_spikes[t, row, lo:hi], grad_x[t, row, lo:hi]
        weight = grad_distance[t] + grad_distance[t]
        if t > 0:
            if draws:
                draw(r, size, size, own, row, seed, step + t - 1)
            estimates(x[t - 1, row, lo:hi], r, draws, before, slope_before)
        else:
            for n in range(size):
                before[n] = first[n]
        gp = grad_potential[t, row, lo:hi] if len(grad_potential) else zeros  # one that nothing is written to
        if previous:
            for n in range(size):
                side_by_side(2)
                h = decay * before[n] + current[n]
                o = one(h) if h > th else nil(h)
                e = weight * (estimate[n] - (one(h) - o) * h)
                gu = gp[n] - e
                go = (gs[n] - gu * h) * max(one(h) - abs(h - th), nil(h))
                gh = gu * (one(h) - o) + go
                grad_th[n] -= go
                out[n] = gh + slope[n] * (e + later[n])
                later[n] = decay * gh
        else:
            rate = decay if step + t > 0 else nil(decay)
            rate_before = decay if step + t - 1 > 0 else nil(decay)
            x_before = x[max(t - 1, 0), row, lo:hi]
            for n in range(size):
                side_by_side(2)
                h = rate * estimate[n] + current[n]
                o = one(h) if h > th else nil(h)
                gu = gp[n] + later[n]
                go = (gs[n] - gu * h) * max(one(h) - abs(h - th), nil(h))
                gh = gu * (one(h) - o) + go
                grad_th[n] -= go
                h_before = rate_before * before[n] + x_before[n]
                u_before = h_before if h_before <= th else h_before - h_before  # 0, or NaN
                u_before = u_before if t > 0 else before[n]
                e = weight * (estimate[n] - u_before)
                out[n] = gh + slope[n] * (e + rate * gh)
                later[n] = -e
        estimate, before = before, estimate
        slope, slope_before = slope_before, slope
    grad_threshold[number] = total_of(grad_th)
    copy(later, grad_carried[row, lo:hi])
    return 0


def _tasks(x: Tensor) -> int:
    return x.shape[1] * -(-x.shape[2] // BLOCK)


def estimate_and_fire(operands: tuple[Tensor, ...], decay: float, previous: bool, draws: bool, wanted) -> Tensor:
    """Fill `wanted`: spikes, potential, carry; return the distances (T,)."""
    x, carried, threshold, seed, step, lengths = operands
    distance = torch.empty((_tasks(x), len(x)), dtype=torch.float64)
    number = np.dtype(np.float64 if x.dtype == torch.float64 else np.float32).type
    forward(
        _tasks(x),
        x.numpy(),
        carried.numpy(),
        threshold.view(1).numpy(),
        number(decay),
        previous,
        draws,
        int(seed),
        int(step),
        lengths.numpy(),
        *(tensor.numpy() for tensor in wanted),
        distance.numpy(),
    )
    return distance.sum(0).to(x.dtype)


def estimate_and_fire_backward(
    grads: list[Tensor], operands: list[Tensor], decay: float, previous: bool, draws: bool, wanted
) -> Tensor:
    """Fill `wanted`: the gradients of x and carried; return the threshold's."""
    x, carried, threshold, seed, step, lengths = operands
    number = np.dtype(np.float64 if x.dtype == torch.float64 else np.float32).type
    total = torch.empty(_tasks(x), dtype=torch.float64)
    backward(
        _tasks(x),
        *(tensor.numpy() for tensor in grads),
        x.numpy(),
        carried.numpy(),
        threshold.view(1).numpy(),
        number(decay),
        previous,
        draws,
        int(seed),
        int(step),
        lengths.numpy(),
        *(tensor.numpy() for tensor in wanted),
        total.numpy(),
    )
    return total.sum().to(x.dtype)
