"""One time step of one run of lanes, forward and backward, for every firing function.

A row function is a single loop over lanes that integrates, fires and resets, so that LLVM makes vector code of the
whole step. `integrate` and `adjoint` build them from scalar functions, which are inlined; nothing else differs between
firing functions.
"""

import numpy as np
from numba import njit

from ._numba_math import INLINE, OPTIONS, exp, get, nil, one, put, sigmoid, tanh

BERNOULLI, GUMBEL, ESCAPE, THRESHOLD, DELTA = 1, 2, 3, 4, 5
SIGMOID, TANH, RELU_TANH = 1, 2, 3
FAST_SIGMOID, TRIANGULAR, LOGISTIC, ARCTAN = 0, 1, 2, 3


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


def integrate(fire, resets=False):
    """x, i, u, al, be, we, th: lanes of this step; `hard`, `soft`: 1 where that reset is taken, else 0."""

    @njit(**OPTIONS)
    def row(x, i, u, al, be, we, th, synapse, hard, soft, r, s, m, a, b, c):
        for n in range(len(x)):
            i[n] = x[n] + (al[n] * i[n] if synapse else nil(x[n]))
            before = u[n]
            w = be[n] * before + we[n] * i[n]
            s[n], kept = fire(w, before, r[n], th[n], a, b, c)
            put(m, n, kept)
            u[n] = w - s[n] * (hard * w + soft * th[n]) if resets else w

    return row


@njit(**OPTIONS)
def leak(x, i, u, al, be, we, synapse):
    for n in range(len(x)):
        i[n] = x[n] + (al[n] * i[n] if synapse else nil(x[n]))
        u[n] = be[n] * u[n] + we[n] * i[n]


bernoulli_sigmoid_row, bernoulli_relu_tanh_row = integrate(bernoulli_sigmoid), integrate(bernoulli_relu_tanh)
gumbel_row, tempered_gumbel_row, escape_row = integrate(gumbel), integrate(tempered_gumbel), integrate(escape)
threshold_row = integrate(threshold(identity), resets=True)
threshold_sigmoid_row = integrate(threshold(sigmoid), resets=True)
threshold_tanh_row = integrate(threshold(tanh), resets=True)
threshold_relu_tanh_row = integrate(threshold(relu_tanh), resets=True)
delta_row, delta_sigmoid_row = integrate(delta(identity)), integrate(delta(sigmoid))
delta_tanh_row, delta_relu_tanh_row = integrate(delta(tanh)), integrate(delta(relu_tanh))


@njit(**OPTIONS)
def integrate_and_fire_row(kind, activation, x, i, u, al, be, we, th, synapse, hard, soft, r, s, m, a, b, c):
    if kind == BERNOULLI:
        if activation == SIGMOID:
            bernoulli_sigmoid_row(x, i, u, al, be, we, th, synapse, hard, soft, r, s, m, a, b, c)
        else:
            bernoulli_relu_tanh_row(x, i, u, al, be, we, th, synapse, hard, soft, r, s, m, a, b, c)
    elif kind == GUMBEL:
        if a == one(a):
            gumbel_row(x, i, u, al, be, we, th, synapse, hard, soft, r, s, m, a, b, c)
        else:
            tempered_gumbel_row(x, i, u, al, be, we, th, synapse, hard, soft, r, s, m, a, b, c)
    elif kind == ESCAPE:
        escape_row(x, i, u, al, be, we, th, synapse, hard, soft, r, s, m, a, b, c)
    elif kind == THRESHOLD:
        if activation == SIGMOID:
            threshold_sigmoid_row(x, i, u, al, be, we, th, synapse, hard, soft, r, s, m, a, b, c)
        elif activation == TANH:
            threshold_tanh_row(x, i, u, al, be, we, th, synapse, hard, soft, r, s, m, a, b, c)
        elif activation == RELU_TANH:
            threshold_relu_tanh_row(x, i, u, al, be, we, th, synapse, hard, soft, r, s, m, a, b, c)
        else:
            threshold_row(x, i, u, al, be, we, th, synapse, hard, soft, r, s, m, a, b, c)
    elif kind == DELTA:
        if activation == SIGMOID:
            delta_sigmoid_row(x, i, u, al, be, we, th, synapse, hard, soft, r, s, m, a, b, c)
        elif activation == TANH:
            delta_tanh_row(x, i, u, al, be, we, th, synapse, hard, soft, r, s, m, a, b, c)
        elif activation == RELU_TANH:
            delta_relu_tanh_row(x, i, u, al, be, we, th, synapse, hard, soft, r, s, m, a, b, c)
        else:
            delta_row(x, i, u, al, be, we, th, synapse, hard, soft, r, s, m, a, b, c)
    else:
        leak(x, i, u, al, be, we, synapse)


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


@njit(**OPTIONS)
def fire_adjoint(gs, m, gu):
    """Stochastic firing has a local derivative `m`."""
    for n in range(len(gu)):
        gu[n] += gs[n] * get(m, n)


@njit(**OPTIONS)
def leak_adjoint(out, gi, gu, al, be, we):
    for n in range(len(out)):
        out[n] = gi[n] + we[n] * gu[n]
        gu[n] *= be[n]
        gi[n] = al[n] * out[n]


@njit(**OPTIONS)
def smooth_adjoint(gs, m, out, gi, gu, al, be, we):
    """Both in one loop, which is the most travelled one."""
    for n in range(len(out)):
        w = gu[n] + gs[n] * get(m, n)
        out[n] = gi[n] + we[n] * w
        gu[n] = be[n] * w
        gi[n] = al[n] * out[n]


def threshold_adjoint(slope):
    """`through`: 1 where the reset carries a gradient, else 0."""

    @njit(**OPTIONS)
    def row(activation, gs, m, out, gi, gu, gw, al, be, we, th, g_th, hard, soft, through, a):
        for n in range(len(out)):
            z = get(m, n)
            f = z + th[n]
            p = (gs[n] - through * gu[n] * (hard * f + soft * th[n])) * slope(z, a)
            fired = z > nil(z)
            g_th[n] -= p + (soft * gu[n] if fired else nil(z))
            passed = (one(z) - hard) * gu[n] if fired else gu[n]
            w = passed + p * activation_slope(activation, f)
            x = gi[n] + we[n] * w
            gw[n], out[n] = w, x
            gu[n], gi[n] = be[n] * w, al[n] * x

    return row


def delta_adjoint(slope):
    """`later`: what step t + 1 passes on to f(u[t])."""

    @njit(**OPTIONS)
    def row(activation, gs, m, m_before, out, gi, gu, gw, al, be, we, th, g_th, later, a):
        for n in range(len(out)):
            f = get(m, n)
            p = gs[n] * slope(f - get(m_before, n) - th[n], a)
            w = gu[n] + (p - later[n]) * activation_slope(activation, f)
            later[n] = p
            g_th[n] -= p
            x = gi[n] + we[n] * w
            gw[n], out[n] = w, x
            gu[n], gi[n] = be[n] * w, al[n] * x

    return row


threshold_rows = [threshold_adjoint(slope) for slope in (fast_sigmoid, triangular, logistic, arctan, boxcar)]
delta_rows = [delta_adjoint(slope) for slope in (fast_sigmoid, triangular, logistic, arctan, boxcar)]
threshold_0, threshold_1, threshold_2, threshold_3, threshold_4 = threshold_rows
delta_0, delta_1, delta_2, delta_3, delta_4 = delta_rows


@njit(**OPTIONS)
def threshold_adjoint_row(surrogate, activation, gs, m, out, gi, gu, gw, al, be, we, th, g_th, hard, soft, through, a):
    if surrogate == FAST_SIGMOID:
        threshold_0(activation, gs, m, out, gi, gu, gw, al, be, we, th, g_th, hard, soft, through, a)
    elif surrogate == TRIANGULAR:
        threshold_1(activation, gs, m, out, gi, gu, gw, al, be, we, th, g_th, hard, soft, through, a)
    elif surrogate == LOGISTIC:
        threshold_2(activation, gs, m, out, gi, gu, gw, al, be, we, th, g_th, hard, soft, through, a)
    elif surrogate == ARCTAN:
        threshold_3(activation, gs, m, out, gi, gu, gw, al, be, we, th, g_th, hard, soft, through, a)
    else:
        threshold_4(activation, gs, m, out, gi, gu, gw, al, be, we, th, g_th, hard, soft, through, a)


@njit(**OPTIONS)
def delta_adjoint_row(surrogate, activation, gs, m, m_before, out, gi, gu, gw, al, be, we, th, g_th, later, a):
    if surrogate == FAST_SIGMOID:
        delta_0(activation, gs, m, m_before, out, gi, gu, gw, al, be, we, th, g_th, later, a)
    elif surrogate == TRIANGULAR:
        delta_1(activation, gs, m, m_before, out, gi, gu, gw, al, be, we, th, g_th, later, a)
    elif surrogate == LOGISTIC:
        delta_2(activation, gs, m, m_before, out, gi, gu, gw, al, be, we, th, g_th, later, a)
    elif surrogate == ARCTAN:
        delta_3(activation, gs, m, m_before, out, gi, gu, gw, al, be, we, th, g_th, later, a)
    else:
        delta_4(activation, gs, m, m_before, out, gi, gu, gw, al, be, we, th, g_th, later, a)
