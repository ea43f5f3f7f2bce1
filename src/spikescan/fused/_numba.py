"""Integrate, fire and reset on the CPU: one pass over memory forward, one backward.

(B, N) is one axis of lanes here. A task is a range of lanes, whole rows or a part of one; time runs outside, lanes
inside, so that the state and all intermediate rows stay in the first-level cache, each lane loop becomes vector code
and memory is read in long runs. Tasks run in parallel.

Kernels take every operand (an unused one is an empty array), so that there is one compiled version a dtype.
"""

import numpy as np
import torch
from numba import njit, prange
from torch import Tensor

from ..scan._lanes import compiled, finite, over_lanes, plans
from ._numba_math import INLINE, OPTIONS, draw_rows, get, nil, one
from ._numba_rows import (
    DELTA,
    THRESHOLD,
    activate,
    activation_slope,
    delta_adjoint_row,
    fire_adjoint,
    integrate_and_fire_row,
    leak,
    leak_adjoint,
    smooth_adjoint,
    threshold_adjoint_row,
)

HARD, SOFT = 1, 2


@njit(**INLINE)
def copy(source, target):
    for n in range(len(source)):
        target[n] = source[n]


@njit(**OPTIONS)
def stop_of_run(ends, row, t):
    """The first row behind the run of rows from `row` on that step t is in."""
    while row < len(ends) and t < ends[row]:
        row += 1
    return row


@njit(**OPTIONS)
def last_step(lengths, row, T):
    return min(lengths[row], T) - 1 if len(lengths) else T - 1


@compiled(**OPTIONS)
def forward(
    current,
    alpha,
    beta,
    weight,
    synapse,
    potential,
    threshold,
    seed,
    step,
    lengths,
    code,
    constants,
    spikes,
    potentials,
    synapses,
    memo,
    last_synapse,
    last_potential,
    tasks,
    span,
    warm,
):
    """Sequences are (T, lanes), what belongs to a feature (N,), state (lanes,). code: kind, activation, surrogate,
    reset, detach_reset, draws; constants: a, b, c. Empty `spikes`, `potentials`, `synapses`, `memo` are not wanted.
    tasks, span, warm: see `scan._lanes.Plan`. Returns how many tasks hold back, from a later span, a state that is not
    finite."""
    T, N = len(current), len(beta)
    kind, activation, reset, draws = code[0], code[1], code[3], code[5]
    a, b, c = constants[0], constants[1], constants[2]
    hard, soft = one(a) if reset == HARD else nil(a), one(a) if reset == SOFT else nil(a)
    synaptic = len(alpha) > 0
    keep_potential, keep_synapse, keep_memo = len(potentials) > 0, len(synapses) > 0, len(memo) > 0
    ranges, lost = len(tasks) - 1, 0
    for task in prange(ranges * max((T + span - 1) // span, 1)):
        first, last = tasks[task % ranges], tasks[task % ranges + 1]
        begin, end = task // ranges * span, min((task // ranges + 1) * span, T)
        width = min(last - first, N)  # lanes of a row
        top, rows = first // N, (last - first) // width
        al, be, we = over_lanes(alpha, first, last), over_lanes(beta, first, last), over_lanes(weight, first, last)
        th = over_lanes(threshold, first, last)
        state_i, state_u = synapse[first:last].copy(), potential[first:last].copy()
        if begin > warm:
            state_i[:], state_u[:] = 0, 0
        r = np.full(last - first, np.float32(0.5))
        padded = np.empty((rows, (width + 3) // 4 * 4), np.float32)
        # A row of scratch takes what is not kept, so that the loops below have no branches of their own.
        scratch, nothing = np.empty(last - first, memo.dtype), np.empty_like(be)
        for t in range(max(begin - warm, 0), end):
            row = 0
            while row < rows:
                stop = stop_of_run(lengths[top : top + rows], row, t) if len(lengths) else rows
                if stop == row and t < begin:
                    row += 1
                    continue
                if stop == row:  # padding
                    lo, hi = first + row * width, first + (row + 1) * width
                    if kind:
                        spikes[t, lo:hi] = 0
                    if keep_potential:
                        potentials[t, lo:hi] = 0
                    if keep_synapse:
                        synapses[t, lo:hi] = 0
                    if keep_memo:
                        memo[t, lo:hi] = 0
                    row += 1
                    continue
                # Slices with indices that are seen to start at 0: only then does LLVM vectorise.
                lo, hi = row * width, stop * width
                size = hi - lo
                x, i, u = current[t, first + lo : first + hi], state_i[lo:hi], state_u[lo:hi]
                al_, be_, we_, th_ = al[lo:hi], be[lo:hi], we[lo:hi], th[lo:hi]
                if t < begin:
                    leak(x, i, u, al_, be_, we_, synaptic)
                    row = stop
                    continue
                s = spikes[t, first + lo : first + hi] if kind else nothing[:size]
                m = memo[t, first + lo : first + hi] if keep_memo else scratch[:size]
                if draws:
                    draw_rows(r, padded, seed, step + t, top + row, stop - row, first % N)
                integrate_and_fire_row(
                    kind, activation, x, i, u, al_, be_, we_, th_, synaptic, hard, soft, r[:size], s, m, a, b, c
                )
                if keep_potential:
                    copy(u, potentials[t, first + lo : first + hi])
                if keep_synapse:
                    copy(i, synapses[t, first + lo : first + hi])
                row = stop
        if end < T and not (finite(state_i) and finite(state_u)):
            lost += 1
        for row in range(rows):
            if begin <= max(last_step(lengths, top + row, T), 0) < max(end, 1):
                lo, hi = row * width, (row + 1) * width
                last_synapse[first + lo : first + hi] = state_i[lo:hi]
                last_potential[first + lo : first + hi] = state_u[lo:hi]
    return lost


@compiled(**OPTIONS)
def backward(
    grad_spikes,
    grad_potentials,
    grad_last_synapse,
    grad_last_potential,
    alpha,
    beta,
    weight,
    synapse,
    potential,
    threshold,
    lengths,
    code,
    constants,
    potentials,
    synapses,
    memo,
    grad_current,
    grad_alpha,
    grad_beta,
    grad_weight,
    grad_threshold,
    grad_synapse,
    grad_potential,
    tasks,
    span,
    warm,
):
    """The adjoint, time reversed. `grad_alpha`, `grad_beta`, `grad_weight`, `grad_threshold` are (spans, lanes), to
    be summed by the caller, and empty where they are not wanted; the first three need `potentials` and `synapses`."""
    T, N = len(grad_current), len(beta)
    kind, activation, surrogate, reset, detached = code[0], code[1], code[2], code[3], code[4]
    a = constants[0]
    hard, soft = one(a) if reset == HARD else nil(a), one(a) if reset == SOFT else nil(a)
    through = nil(a) if detached else one(a)  # does the reset carry a gradient?
    ranges, lost = len(tasks) - 1, 0
    for task in prange(ranges * max((T + span - 1) // span, 1)):
        first, last = tasks[task % ranges], tasks[task % ranges + 1]
        part = task // ranges
        begin, end = part * span, min((part + 1) * span, T)
        width = min(last - first, N)
        top, rows = first // N, (last - first) // width
        al, be, we = over_lanes(alpha, first, last), over_lanes(beta, first, last), over_lanes(weight, first, last)
        thresholds = over_lanes(threshold, first, last)
        state_i, state_u = grad_last_synapse[first:last].copy(), grad_last_potential[first:last].copy()
        for row in range(rows):
            if last_step(lengths, top + row, T) >= end + warm:
                state_i[row * width : (row + 1) * width] = 0
                state_u[row * width : (row + 1) * width] = 0
        later = np.zeros_like(be)  # DELTA: what step t + 1 passes on to f(u[t])
        initial = np.empty(last - first, memo.dtype)
        if kind == DELTA:
            activate(activation, potential[first:last], initial)
        charge, scratch, no_total = np.empty_like(be), np.empty_like(be), np.empty_like(be)
        for t in range(min(end + warm, T) - 1, begin - 1, -1):
            row = 0
            while row < rows:
                stop = stop_of_run(lengths[top : top + rows], row, t) if len(lengths) else rows
                if stop == row and t >= end:
                    row += 1
                    continue
                if stop == row:  # padding
                    grad_current[t, first + row * width : first + (row + 1) * width] = 0
                    row += 1
                    continue
                lo, hi = row * width, stop * width
                start, after, size = first + lo, first + hi, hi - lo
                gi, gu = state_i[lo:hi], state_u[lo:hi]
                out = grad_current[t, start:after] if t < end else scratch[:size]
                gw = charge[:size]
                if len(grad_potentials):
                    g = grad_potentials[t, start:after]
                    for n in range(size):
                        gu[n] += g[n]
                gs = grad_spikes[t, start:after] if kind else out
                m = memo[t, start:after] if kind else initial[:size]
                al_, be_, we_, th_ = al[lo:hi], be[lo:hi], we[lo:hi], thresholds[lo:hi]
                if kind >= THRESHOLD:
                    g_th = grad_threshold[part, start:after] if t < end else no_total[:size]
                    if kind == DELTA:
                        m_ = memo[t - 1, start:after] if t > 0 else initial[lo:hi]
                        next_ = later[lo:hi]
                        delta_adjoint_row(
                            surrogate, activation, gs, m, m_, out, gi, gu, gw, al_, be_, we_, th_, g_th, next_, a
                        )
                    else:
                        threshold_adjoint_row(
                            surrogate,
                            activation,
                            gs,
                            m,
                            out,
                            gi,
                            gu,
                            gw,
                            al_,
                            be_,
                            we_,
                            th_,
                            g_th,
                            hard,
                            soft,
                            through,
                            a,
                        )
                elif kind and not len(synapses):
                    smooth_adjoint(gs, m, out, gi, gu, al_, be_, we_)
                else:
                    if kind:
                        fire_adjoint(gs, m, gu)
                    copy(gu, gw)
                    leak_adjoint(out, gi, gu, al_, be_, we_)
                if len(synapses) and t < end:
                    u_before = potentials[t - 1, start:after] if t > 0 else potential[start:after]
                    i_before = synapses[t - 1, start:after] if t > 0 else synapse[start:after]
                    i_now = synapses[t, start:after]
                    g_alpha, g_beta = grad_alpha[part, start:after], grad_beta[part, start:after]
                    g_weight = grad_weight[part, start:after]
                    for n in range(size):
                        g_beta[n] += gw[n] * u_before[n]
                        g_weight[n] += gw[n] * i_now[n]
                        g_alpha[n] += out[n] * i_before[n]
                row = stop
        if begin > 0 and not (finite(state_i) and finite(state_u)):
            lost += 1
        if begin == 0:
            if kind == DELTA:
                for n in range(last - first):
                    state_u[n] -= later[n] * activation_slope(activation, get(initial, n))
            grad_synapse[first:last] = state_i
            grad_potential[first:last] = state_u
    return lost


def _lanes(*tensors: Tensor) -> list[np.ndarray]:
    """(T, B, N) as (T, lanes); (B, N) as (lanes,)."""
    return [tensor.detach().flatten(-2).numpy() for tensor in tensors]


def _features(*tensors: Tensor) -> list[np.ndarray]:
    return [tensor.detach().numpy() for tensor in tensors]


def _memo_view(memo: Tensor) -> Tensor:
    return memo.view(torch.uint16) if memo.dtype == torch.float16 else memo


def integrate_and_fire(
    operands: tuple[Tensor, ...], code: list[int], constants: list[float], wanted: tuple[Tensor, ...]
) -> None:
    """Fill `wanted`: spikes, potentials, synapses, memo, last_synapse, last_potential; see `_autograd`."""
    current, alpha, beta, weight, synapse, potential, threshold, seed, step, lengths = operands
    kind = np.dtype(np.float64 if current.dtype == torch.float64 else np.float32).type
    for plan in plans(current.shape, current.dtype, (alpha, beta), cut=not code[3]):
        lost = forward(
            *_lanes(current),
            *_features(alpha, beta, weight),
            *_lanes(synapse, potential),
            *_features(threshold),
            int(seed),
            int(step),
            lengths.numpy(),
            tuple(code),
            tuple(kind(value) for value in constants),
            *_lanes(*wanted[:3], _memo_view(wanted[3]), *wanted[4:]),
            *plan,
        )
        if not lost:
            return


def integrate_and_fire_backward(
    grads: tuple[Tensor, ...],
    operands: tuple[Tensor, ...],
    code: list[int],
    constants: list[float],
    saved: tuple[Tensor, ...],
    wanted: tuple[Tensor, ...],
) -> None:
    """Fill `wanted`: the gradients of current, alpha, beta, weight, threshold, synapse, potential."""
    alpha, beta, weight, synapse, potential, threshold, lengths = operands
    potentials, synapses, memo = saved
    steps, totals = len(wanted[0]), wanted[1:5]
    kind = np.dtype(np.float64 if wanted[0].dtype == torch.float64 else np.float32).type
    for plan in plans(wanted[0].shape, wanted[0].dtype, (alpha, beta), cut=not code[3]):
        spans = max(-(-steps // plan.span), 1)
        parts = [total.new_zeros((spans, *total.shape)) for total in totals]
        lost = backward(
            *_lanes(*grads),
            *_features(alpha, beta, weight),
            *_lanes(synapse, potential),
            *_features(threshold),
            lengths.numpy(),
            tuple(code),
            tuple(kind(value) for value in constants),
            *_lanes(potentials, synapses, _memo_view(memo), wanted[0], *parts, *wanted[5:]),
            *plan,
        )
        for total, part in zip(totals, parts, strict=True):
            torch.sum(part, 0, out=total)
        if not lost:
            return
