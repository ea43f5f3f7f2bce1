"""A stretch of time of one run of lanes, forward and backward, for every firing function.

A step is a single loop over lanes that integrates, fires and resets, so that LLVM makes vector code of the whole of it;
it works on rows in the caches, which `write` then sends to memory. `integrate` and `adjoint` build stretches
from scalar functions and steps, which are inlined; nothing else differs between firing functions.
"""

import numpy as np
from numba import njit

from ..scan._caches import fetch, write
from ..scan._lanes import AHEAD
from ._numba_math import INLINE, OPTIONS, copy, draw_rows, exp, get, nil, one, put, sigmoid, tanh

BERNOULLI, GUMBEL, ESCAPE, THRESHOLD, DELTA = 1, 2, 3, 4, 5
IDENTITY, SIGMOID, TANH, RELU_TANH = 0, 1, 2, 3
FAST_SIGMOID, TRIANGULAR, LOGISTIC, ARCTAN, BOXCAR = 0, 1, 2, 3, 4


@njit(**INLINE)
def identity(x):
    return x


@njit(**INLINE)
def relu_tanh(x):
    return max(tanh(x), nil(x))


@njit(**INLINE)
def spike(fires, w):
    """1 or 0, and NaN where the potential is not finite: a comparison would hide that."""
    return (one(w) if fires else nil(w)) + (w - w)


# Firing functions: (potential, potential before, draw, threshold, constants) to (spike, what the backward pass needs):
# the local derivative of a stochastic one, f(u) - threshold of THRESHOLD, f(u) of DELTA.


@njit(**INLINE)
def bernoulli_sigmoid(w, before, r, th, a, b, c):
    rho = sigmoid(w)
    return spike(r < rho, w), rho * rho * (one(w) - rho)


@njit(**INLINE)
def bernoulli_relu_tanh(w, before, r, th, a, b, c):
    rho = relu_tanh(w)
    return spike(r < rho, w), rho * (one(w) - rho * rho)


@njit(**INLINE)
def gumbel(w, before, r, th, a, b, c):
    e = (one(w) - r) * exp(-(w + w))
    y = r / (r + e)
    return spike(r > e, w), (y + y) * (one(w) - y)


@njit(**INLINE)
def tempered_gumbel(w, before, r, th, a, b, c):
    z = w + w + np.log(r / (one(w) - r))
    y = sigmoid(z * a)
    return spike(z > nil(w), w), (a + a) * y * (one(w) - y)


@njit(**INLINE)
def escape(w, before, r, th, a, b, c):
    rate = a * exp((w - b) * c)
    rho = min(rate, one(w))  # finite before it is squared
    return spike(r < rate, w), rho * rho * c if rate < one(w) else nil(w)


def threshold(f):
    @njit(**INLINE)
    def fire(w, before, r, th, a, b, c):
        z = f(w) - th
        return spike(z > nil(w), w), z

    return fire


def delta(f):
    @njit(**INLINE)
    def fire(w, before, r, th, a, b, c):
        now = f(w)
        return spike(now - f(before) - th > nil(w), w), now

    return fire


def integrate(fire, random=False, resets=False):
    """Steps begin to end of the lanes first, first + 1, … of x (T, lanes).

    i, u: state, changed in place. al, be, we, th: decays, gain and threshold of each lane. hard, soft: 1 where that
    reset is taken, else 0. s, m, r: rows of scratch for spikes, memo and draws. Row `row`, feature `feature` is where
    the draws begin, `width` the features of a row. An empty `memo`, `potentials`, `synapses` is not wanted.
    """

    @njit(**OPTIONS)
    def stretch(
        begin, end, first, x, i, u, al, be, we, th, synapse, hard, soft, a, b, c, draws, seed, step, row, feature,
        width, r, scratch, s, m, spikes, memo, potentials, synapses, past,
    ):  # fmt: skip
        last = first + len(i)
        for t in range(begin, end):
            fetch(x[min(t + AHEAD, len(x) - 1), first:last])
            if random and draws:
                draw_rows(r, scratch, seed, step + t, row, feature, width)
            current = x[t, first:last]
            for n in range(len(i)):
                i[n] = current[n] + (al[n] * i[n] if synapse else nil(current[n]))
                before = u[n]
                w = be[n] * before + we[n] * i[n]
                s[n], kept = fire(w, before, r[n], th[n], a, b, c)
                put(m, n, kept)
                u[n] = w - s[n] * (hard * w + soft * th[n]) if resets else w
            write(s, spikes[t, first:last], past)
            if len(memo):
                write(m, memo[t, first:last], past)
            if len(potentials):
                write(u, potentials[t, first:last], past)
            if len(synapses):
                write(i, synapses[t, first:last], past)

    return stretch


@njit(**OPTIONS)
def leak(begin, end, first, x, i, u, al, be, we, synapse, potentials, synapses, past):
    """The same of a neuron that does not fire."""
    last = first + len(i)
    for t in range(begin, end):
        fetch(x[min(t + AHEAD, len(x) - 1), first:last])
        current = x[t, first:last]
        for n in range(len(i)):
            i[n] = current[n] + (al[n] * i[n] if synapse else nil(current[n]))
            u[n] = be[n] * u[n] + we[n] * i[n]
        if len(potentials):
            write(u, potentials[t, first:last], past)
        if len(synapses):
            write(i, synapses[t, first:last], past)


bernoulli_sigmoids, bernoulli_relu_tanhs = (
    integrate(bernoulli_sigmoid, random=True),
    integrate(bernoulli_relu_tanh, random=True),
)
gumbels, tempered_gumbels, escapes = (
    integrate(gumbel, random=True),
    integrate(tempered_gumbel, random=True),
    integrate(escape, random=True),
)
thresholds, threshold_sigmoids = integrate(threshold(identity), resets=True), integrate(threshold(sigmoid), resets=True)
threshold_tanhs, threshold_relu_tanhs = (
    integrate(threshold(tanh), resets=True),
    integrate(threshold(relu_tanh), resets=True),
)
deltas, delta_sigmoids = integrate(delta(identity)), integrate(delta(sigmoid))
delta_tanhs, delta_relu_tanhs = integrate(delta(tanh)), integrate(delta(relu_tanh))


@njit(inline="always", **OPTIONS)
def integrate_and_fire_stretch(kind, activation, a, stretch):
    if kind == BERNOULLI:
        if activation == SIGMOID:
            bernoulli_sigmoids(*stretch)
        else:
            bernoulli_relu_tanhs(*stretch)
    elif kind == GUMBEL:
        if a == one(a):
            gumbels(*stretch)
        else:
            tempered_gumbels(*stretch)
    elif kind == ESCAPE:
        escapes(*stretch)
    elif kind == THRESHOLD:
        if activation == SIGMOID:
            threshold_sigmoids(*stretch)
        elif activation == TANH:
            threshold_tanhs(*stretch)
        elif activation == RELU_TANH:
            threshold_relu_tanhs(*stretch)
        else:
            thresholds(*stretch)
    elif activation == SIGMOID:
        delta_sigmoids(*stretch)
    elif activation == TANH:
        delta_tanhs(*stretch)
    elif activation == RELU_TANH:
        delta_relu_tanhs(*stretch)
    else:
        deltas(*stretch)


@njit(**OPTIONS)
def activate(activation, x, out):
    """out = f(x), kept as `put` keeps it."""
    for n in range(len(x)):
        if activation == SIGMOID:
            put(out, n, sigmoid(x[n]))
        elif activation == TANH:
            put(out, n, tanh(x[n]))
        elif activation == RELU_TANH:
            put(out, n, relu_tanh(x[n]))
        else:
            put(out, n, x[n])


@njit(**INLINE)
def activation_slope(activation, f):
    """f'(u) in terms of f = f(u)."""
    if activation == SIGMOID:
        return f * (one(f) - f)
    if activation == TANH:
        return one(f) - f * f
    if activation == RELU_TANH:
        return one(f) - f * f if f > nil(f) else nil(f)
    return one(f)


# Surrogates of Θ′ at the distance z from the threshold.


@njit(**INLINE)
def fast_sigmoid(z, scale):
    d = scale * abs(z) + one(z)
    return one(z) / (d * d)


@njit(**INLINE)
def triangular(z, scale):
    return max(one(z) - scale * abs(z), nil(z))


@njit(**INLINE)
def logistic(z, scale):
    y = sigmoid(scale * z)
    return scale * y * (one(y) - y)


@njit(**INLINE)
def arctan(z, scale):
    return one(z) / (one(z) + (scale * z) * (scale * z))


@njit(**INLINE)
def boxcar(z, scale):
    return one(z) if abs(z) < scale else nil(z)


# The adjoint of a step. w, x: gradients of the charge and of the current, of step t + 1 when a step begins and of step
# t when it ends; what of them reaches step t is be·w and al·x. before: memo of step t - 1. g_th: the threshold's
# gradient, summed where `learns`. through: 1 where the reset carries a gradient.


@njit(**INLINE)
def smooth_adjoint(activation, gs, m, before, w, x, al, be, we, th, learns, g_th, later, hard, soft, through, a):
    """Stochastic firing has a local derivative m."""
    for n in range(len(w)):
        w[n] = be[n] * w[n] + gs[n] * get(m, n)
        x[n] = al[n] * x[n] + we[n] * w[n]


def threshold_adjoint(slope):
    @njit(**INLINE)
    def step(activation, gs, m, before, w, x, al, be, we, th, learns, g_th, later, hard, soft, through, a):
        for n in range(len(w)):
            z, gu = get(m, n), be[n] * w[n]
            f = z + th[n]
            p = (gs[n] - through * gu * (hard * f + soft * th[n])) * slope(z, a)
            fired = z > nil(z)
            if learns:
                g_th[n] -= p + (soft * gu if fired else nil(z))
            w[n] = ((one(z) - hard) * gu if fired else gu) + p * activation_slope(activation, f)
            x[n] = al[n] * x[n] + we[n] * w[n]

    return step


def delta_adjoint(slope):
    """later: what step t + 1 passes on to f(u[t])."""

    @njit(**INLINE)
    def step(activation, gs, m, before, w, x, al, be, we, th, learns, g_th, later, hard, soft, through, a):
        for n in range(len(w)):
            f = get(m, n)
            p = gs[n] * slope(f - get(before, n) - th[n], a)
            w[n] = be[n] * w[n] + (p - later[n]) * activation_slope(activation, f)
            later[n] = p
            if learns:
                g_th[n] -= p
            x[n] = al[n] * x[n] + we[n] * w[n]

    return step


@njit(**OPTIONS)
def add_totals(t, first, w, x, potential, synapse, potentials, synapses, g_al, g_be, g_we):
    """What step t adds to the gradients of the decays and the gain."""
    last = first + len(w)
    u_before = potentials[t - 1, first:last] if t > 0 else potential[first:last]
    i_before = synapses[t - 1, first:last] if t > 0 else synapse[first:last]
    i_now = synapses[t, first:last]
    for n in range(len(w)):
        g_be[n] += w[n] * u_before[n]
        g_we[n] += w[n] * i_now[n]
        g_al[n] += x[n] * i_before[n]


def adjoint(step):
    """Steps end - 1 down to begin of the lanes first, first + 1, …

    w, x: state, changed in place. al_now, be_now: decays of the first of these steps, which become al and be in place:
    in the last step of a sample nothing has decayed yet. initial: memo of the step before the first. keep: False in
    steps that only warm up. totals: whether the gradients g_al, g_be, g_we are wanted. The rest as above and in
    `integrate`.
    """

    @njit(**OPTIONS)
    def stretch(
        begin, end, first, grad_spikes, grad_potentials, memo, initial, w, x, al_now, be_now, al, be, we, th, learns,
        g_th, later, hard, soft, through, a, activation, ones, grad_current, keep, totals, potential, synapse,
        potentials, synapses, g_al, g_be, g_we, past,
    ):  # fmt: skip
        last = first + len(w)
        for t in range(end - 1, begin - 1, -1):
            fetch(grad_spikes[max(t - AHEAD, 0), first:last])
            fetch(memo[max(t - AHEAD, 0), first:last])
            rate = be_now
            if len(grad_potentials):
                decay_and_add(grad_potentials[t, first:last], w, be_now)
                rate = ones
            gs, m, before = grad_spikes[t, first:last], memo[t, first:last], initial
            if t > 0:
                before = memo[t - 1, first:last]
            step(activation, gs, m, before, w, x, al_now, rate, we, th, learns, g_th, later, hard, soft, through, a)
            if t == end - 1:
                copy(al, al_now)
                copy(be, be_now)
            if keep:
                write(x, grad_current[t, first:last], past)
                if totals:
                    add_totals(t, first, w, x, potential, synapse, potentials, synapses, g_al, g_be, g_we)

    return stretch


@njit(**OPTIONS)
def decay_and_add(source, w, be):
    for n in range(len(w)):
        w[n] = be[n] * w[n] + source[n]


@njit(**OPTIONS)
def leak_adjoints(
    begin, end, first, grad_potentials, w, x, al_now, be_now, al, be, we, grad_current, keep, totals, potential,
    synapse, potentials, synapses, g_al, g_be, g_we, past,
):  # fmt: skip
    """The same of a neuron that does not fire; without `grad_potentials` only its last state has a gradient."""
    last = first + len(w)
    for t in range(end - 1, begin - 1, -1):
        if len(grad_potentials):
            fetch(grad_potentials[max(t - AHEAD, 0), first:last])
            g = grad_potentials[t, first:last]
            for n in range(len(w)):
                w[n] = be_now[n] * w[n] + g[n]
                x[n] = al_now[n] * x[n] + we[n] * w[n]
        else:
            for n in range(len(w)):
                w[n] = be_now[n] * w[n]
                x[n] = al_now[n] * x[n] + we[n] * w[n]
        if t == end - 1:
            copy(al, al_now)
            copy(be, be_now)
        if keep:
            write(x, grad_current[t, first:last], past)
            if totals:
                add_totals(t, first, w, x, potential, synapse, potentials, synapses, g_al, g_be, g_we)


smooth_adjoints = adjoint(smooth_adjoint)
threshold_0, threshold_1, threshold_2, threshold_3, threshold_4 = (
    adjoint(threshold_adjoint(slope)) for slope in (fast_sigmoid, triangular, logistic, arctan, boxcar)
)
delta_0, delta_1, delta_2, delta_3, delta_4 = (
    adjoint(delta_adjoint(slope)) for slope in (fast_sigmoid, triangular, logistic, arctan, boxcar)
)


@njit(inline="always", **OPTIONS)
def adjoint_stretch(kind, surrogate, stretch):
    if kind < THRESHOLD:
        smooth_adjoints(*stretch)
    elif kind == THRESHOLD:
        if surrogate == FAST_SIGMOID:
            threshold_0(*stretch)
        elif surrogate == TRIANGULAR:
            threshold_1(*stretch)
        elif surrogate == LOGISTIC:
            threshold_2(*stretch)
        elif surrogate == ARCTAN:
            threshold_3(*stretch)
        else:
            threshold_4(*stretch)
    elif surrogate == FAST_SIGMOID:
        delta_0(*stretch)
    elif surrogate == TRIANGULAR:
        delta_1(*stretch)
    elif surrogate == LOGISTIC:
        delta_2(*stretch)
    elif surrogate == ARCTAN:
        delta_3(*stretch)
    else:
        delta_4(*stretch)
