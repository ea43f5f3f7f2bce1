"""A task of the fused operation on the CPU: a range of lanes, whole rows or a part of one, by a span of time.

Where samples differ in length, it goes from one end to the next, and between two ends through runs of rows that are
still on: each is a stretch of `_numba_forward` or `_numba_adjoint`. Operands that are not used are empty arrays.
"""

import numpy as np
from numba import njit

from ..firing._codes import DELTA, GUMBEL, HARD, SOFT
from ..scan._caches import settle
from ..scan._lanes import copy, ends_of, fill, finite, of_piece, pages, row_of
from ..scan._parallel import task
from . import _numba_adjoint, _numba_forward
from ._numba_adjoint import activate, activation_slope, slope_of
from ._numba_draws import blocks_of
from ._numba_math import INNER, OPTIONS, get, nil, one
from ._numba_variants import caller

REPLAYED = 16
"""Steps that a backward task computes again at a time: their rows stay in the second-level cache."""

forward_stretch = caller(_numba_forward.kinds_of)
backward_stretch = caller(_numba_adjoint.kinds_of)


@njit(**INNER)
def run_from(ends, row, t):
    """The first row behind the run of rows from `row` on that step t is in."""
    while row < len(ends) and t < ends[row]:
        row += 1
    return row


@njit(**INNER)
def next_change(ends, t, last):
    """The first step after t, up to `last`, that a row is no longer in."""
    for end in ends:
        if t < end < last:
            last = end
    return last


@njit(**INNER)
def last_change(ends, t, first):
    """The same from step t back to `first`."""
    for end in ends:
        if first < end < t:
            first = end
    return first


@njit(**INNER)
def clear(sequence, begin, end, first, last):
    """Padding is 0; nothing is done where a sequence is not wanted."""
    if len(sequence):
        for t in range(begin, end):
            fill(sequence[t, first:last], 0)


@njit(**INNER)
def decays_of_piece(decay_syn, decay_mem, leaky, features, first, last, like):
    """α, β and the membrane's gain for a piece of lanes, of the type of `like`; 1 - β is subtracted in float64."""
    syn, mem = of_piece(decay_syn, features, first, last), of_piece(decay_mem, features, first, last)
    al, be, we = np.empty_like(syn, like.dtype), np.empty_like(mem, like.dtype), np.empty_like(mem, like.dtype)
    for k in range(len(mem)):
        al[k], be[k], we[k] = syn[k], mem[k], 1 - mem[k] if leaky else 1.0
    return al, be, we


@task(**OPTIONS)
def forward(
    number, stretch, kind, activation, reset, draws, leaky, a, b, c, current, features, decay_syn, decay_mem, synapse,
    potential, threshold, seed, step, lengths, spikes, potentials, memo, last_synapse, last_potential, tasks, span,
    warm, past,
):  # fmt: skip
    """stretch: address of a firing function's. Sequences are (T, lanes), decays (float64) and threshold of each feature
    or one for all, state (lanes,). Empty `spikes`, `potentials`, `memo` are not wanted. tasks, span, warm,
    past: see `scan._lanes.Plan`. Returns 1 where it holds back, from a later span, a state that is not finite."""
    T, N = len(current), features
    hard, soft = one(a) if reset == HARD else nil(a), one(a) if reset == SOFT else nil(a)
    synaptic, none = len(decay_syn) > 0, spikes[:0]
    ranges, lost = len(tasks) - 1, 0
    first, last = tasks[number % ranges], tasks[number % ranges + 1]
    begin, end = number // ranges * span, min((number // ranges + 1) * span, T)
    width = min(last - first, N)  # lanes of a row
    top, rows = first // N, (last - first) // width
    ends = ends_of(lengths, top, rows, T)
    al, be, we = decays_of_piece(decay_syn, decay_mem, leaky, N, first, last, potential)
    th = of_piece(threshold, N, first, last)
    lanes = last - first
    memory = pages(4, lanes, potential)
    i, u = row_of(memory, 0, lanes), row_of(memory, 1, lanes)
    s, f = row_of(memory, 2, lanes), row_of(memory, 3, lanes)
    if begin <= warm:
        copy(synapse[first:last], i)
        copy(potential[first:last], u)
    blocks = blocks_of(first % N, width, len(be))
    r = np.full(4 * len(blocks[0]), np.float32(0.5))
    m = row_of(pages(5, lanes, memo), 4, lanes)
    t = max(begin - warm, 0)
    while t < end:
        stop, row = next_change(ends, t, end if t >= begin else begin), 0
        if kind == DELTA and t == begin:
            activate(activation, u, f)
        outputs = (spikes, memo, potentials, none)
        if t < begin:
            outputs = (none, memo[:0], none, none)
        elif kind == 0:
            outputs = (potentials, memo, none, none)
        while row < rows:
            run = run_from(ends, row, t)
            lo, hi = row * width, max(run, row + 1) * width
            if run > row:
                steps = (
                    t, stop, first + lo, 0, first + lo, current, i[lo:hi], u[lo:hi], f[lo:hi], al, be, we, th,
                    synaptic, hard, soft, a, b, c, draws and t >= begin, seed, step, top + row, blocks, width, r,
                    s[lo:hi], m[lo:hi], *outputs, past,
                )  # fmt: skip
                forward_stretch(stretch, potential, m, steps)
            elif t >= begin:
                for sequence in (spikes, potentials):
                    clear(sequence, t, stop, first + lo, first + hi)
                clear(memo, t, stop, first + lo, first + hi)
            row = max(run, row + 1)
        t = stop
    settle()
    if end < T and not (finite(i) and finite(u)):
        lost += 1
    for row in range(rows):
        if begin <= max(ends[row] - 1, 0) < max(end, 1):
            lo, hi = row * width, (row + 1) * width
            copy(i[lo:hi], last_synapse[first + lo : first + hi])
            copy(u[lo:hi], last_potential[first + lo : first + hi])
    return lost


@task(**OPTIONS)
def backward(
    number, stretch, leak, replay, kind, activation, reset, detached, draws, leaky, a, b, c, grad_spikes,
    grad_potentials, grad_last_synapse, grad_last_potential, current, features, decay_syn, decay_mem, synapse,
    potential, threshold, seed, step, lengths, memo, grad_current, grad_alpha, grad_beta, grad_weight, grad_threshold,
    grad_synapse, grad_potential, tasks, span, warm, past,
):  # fmt: skip
    """The adjoint, time reversed. From a current instead of a memo, what goes with it is computed again, a few steps
    at a time, which stay in the caches. leak, replay: addresses of forward stretches for that, of the state alone and
    of the firing function. `grad_alpha`, `grad_beta`, `grad_weight`, `grad_threshold` are (spans, lanes), to be summed
    by the caller, and empty where they are not wanted; the first three need the current. Returns more than 0 where it
    holds back from another span what is not finite."""
    T, N = len(grad_current), features
    hard, soft = one(a) if reset == HARD else nil(a), one(a) if reset == SOFT else nil(a)
    slopes = slope_of(activation, nil(a))
    through = nil(a) if detached else one(a)  # does the reset carry a gradient?
    learns, totals = grad_threshold.shape[1] > 0, grad_alpha.shape[1] > 0
    ranges, lost = len(tasks) - 1, 0
    first, last = tasks[number % ranges], tasks[number % ranges + 1]
    part = number // ranges
    begin, end = part * span, min((part + 1) * span, T)
    width = min(last - first, N)
    top, rows = first // N, (last - first) // width
    ends = ends_of(lengths, top, rows, T)
    al, be, we = decays_of_piece(decay_syn, decay_mem, leaky, N, first, last, potential)
    th = of_piece(threshold, N, first, last)
    # Gradients of the current and the charge. In a row's last step nothing of them has decayed: until then al_now
    # and be_now are 1, and they are those of the last state.
    lanes = last - first
    memory = pages(4, lanes, potential)
    x, w, later = row_of(memory, 0, lanes), row_of(memory, 1, lanes), row_of(memory, 2, lanes)
    copy(grad_last_synapse[first:last], x)
    copy(grad_last_potential[first:last], w)
    al_now, be_now = np.full_like(w, one(a)), np.full_like(w, one(a))
    for row in range(rows):
        if ends[row] > end + warm:
            fill(w[row * width : (row + 1) * width], nil(a))
            fill(x[row * width : (row + 1) * width], nil(a))
    zeros, initial = np.zeros_like(be), np.empty(lanes, memo.dtype)
    if kind == DELTA:
        activate(activation, potential[first:last], initial)
    g_th, g_al, g_be, g_we = row_of(memory, 3, lanes), np.zeros_like(w), np.zeros_like(w), np.zeros_like(w)
    t = min(end + warm, T)

    # From a current: on the way there the state is kept every few steps, from which these are computed again. (Asked in
    # these words, numba does not compile what there is no current for.)
    origin, side, potentials = 0, first, grad_potentials[:0]
    synapses = potentials
    if current is not None:
        origin, side, none = t, 0, current[:0]
        memo = np.empty((REPLAYED if kind else 0, lanes), memo.dtype)
        potentials = np.empty((REPLAYED if totals else 0, lanes), potential.dtype)
        synapses = np.empty_like(potentials)
        marks = np.empty((-(-(t - begin) // REPLAYED), 2, lanes), potential.dtype)
        rows_of_state = pages(4, lanes, potential)
        i, u = row_of(rows_of_state, 0, lanes), row_of(rows_of_state, 1, lanes)
        f, s = row_of(rows_of_state, 2, lanes), row_of(rows_of_state, 3, lanes)
        m = row_of(pages(5, lanes, memo), 4, lanes)
        blocks = blocks_of(first % N, width, len(be))
        r = np.full(4 * len(blocks[0]), np.float32(0.5))
        firing = al, be, we, th, len(decay_syn) > 0, hard, soft, a, b, c
        drawing = seed, step, top, blocks, width, r, s, m
        redraws = draws and kind == GUMBEL  # no other memo knows the draw
        now = max(begin - warm, 0)
        if now == 0:
            copy(synapse[first:last], i)
            copy(potential[first:last], u)
        while now < t:
            stop, mark = begin if now < begin else min(now + REPLAYED, t), (now - begin) // REPLAYED
            if now >= begin:
                copy(i, marks[mark, 0])
                copy(u, marks[mark, 1])
            if stop < T:
                onward = (
                    now, stop, first, now, 0, current, i, u, f, *firing, False, *drawing, none, memo[:0], none, none,
                    False,
                )  # fmt: skip
                forward_stretch(leak, potential, m, onward)
            now = stop
        if end < T and not (finite(i) and finite(u)):
            lost += 1

    while t > begin:
        keep = t <= end
        if t == end:
            fill(g_th, nil(a))  # of the steps that only warmed up
        floor = begin if keep else end
        if current is not None:
            if t <= origin:
                stop, mark = origin, (t - 1 - begin) // REPLAYED
                origin = begin + mark * REPLAYED
                copy(marks[mark, 0], i)
                copy(marks[mark, 1], u)
                if kind == DELTA:
                    activate(activation, u, initial)
                anew = (
                    origin, stop, first, origin, 0, current, i, u, f, *firing, redraws, *drawing, none, memo,
                    potentials, synapses, False,
                )  # fmt: skip
                forward_stretch(replay, potential, m, anew)
                copy(marks[mark, 0], i)
                copy(marks[mark, 1], u)
            floor = max(floor, origin)
        stop, row = last_change(ends, t, floor), 0
        while row < rows:
            run = run_from(ends, row, t - 1)
            lo, hi = row * width, max(run, row + 1) * width
            before = (w, w)
            if current is not None:
                before = (u[lo:hi], i[lo:hi])
            if run > row:
                steps = (
                    stop, t, first + lo, origin, side + lo, grad_spikes, grad_potentials, memo, initial[lo:hi], zeros,
                    w[lo:hi], x[lo:hi], al_now[lo:hi], be_now[lo:hi], al, be, we, th, learns, g_th[lo:hi],
                    later[lo:hi], hard, soft, through, a, slopes, grad_current, keep, totals, *before, potentials,
                    synapses, g_al[lo:hi], g_be[lo:hi], g_we[lo:hi], past,
                )  # fmt: skip
                backward_stretch(stretch, potential, initial, steps)
            elif keep:
                clear(grad_current, stop, t, first + lo, first + hi)
            row = max(run, row + 1)
        t = stop
    settle()
    if learns:
        copy(g_th, grad_threshold[part, first:last])
    if totals:
        copy(g_al, grad_alpha[part, first:last])
        copy(g_be, grad_beta[part, first:last])
        copy(g_we, grad_weight[part, first:last])
    if begin > 0 and not (finite(w) and finite(x)):
        lost += 1
    if begin == 0:
        for n in range(last - first):
            slope = later[n] * activation_slope(slopes, get(initial, n)) if kind == DELTA else nil(a)
            grad_synapse[first + n] = al_now[n] * x[n]
            grad_potential[first + n] = be_now[n] * w[n] - slope
    return lost
