"""Integrate, fire and reset on the CPU: one pass over memory forward, one backward.

A task is one batch row and up to BLOCK features; time runs outside, features inside, so that the state and all
intermediate rows stay in the first-level cache and each feature loop becomes vector code. Tasks run in parallel.

Kernels take every operand (an unused one is an empty array), so that there is one compiled version a dtype.
"""

import numpy as np
import torch
from numba import njit, prange
from torch import Tensor

from ..scan._threads import use_torch_threads
from ._numba_math import INLINE, OPTIONS, draw_row, exp, get, nil, one, put, sigmoid, tanh

BLOCK = 256
BERNOULLI, GUMBEL, ESCAPE, THRESHOLD, DELTA = 1, 2, 3, 4, 5
SIGMOID, TANH, RELU_TANH = 1, 2, 3
FAST_SIGMOID, TRIANGULAR, LOGISTIC, ARCTAN = 0, 1, 2, 3
HARD, SOFT = 1, 2


@njit(**INLINE)
def copy(source, target):
    for n in range(len(source)):
        target[n] = source[n]


@njit(**OPTIONS)
def activate(activation, x, out):
    if activation == SIGMOID:
        for n in range(len(x)):
            out[n] = sigmoid(x[n])
    elif activation == TANH:
        for n in range(len(x)):
            out[n] = tanh(x[n])
    elif activation == RELU_TANH:
        for n in range(len(x)):
            out[n] = max(tanh(x[n]), nil(x[n]))
    else:
        for n in range(len(x)):
            out[n] = x[n]


@njit(**OPTIONS)
def activation_slope(activation, f, out):
    """f'(u) in terms of f(u)."""
    if activation == SIGMOID:
        for n in range(len(f)):
            out[n] = f[n] * (one(f[n]) - f[n])
    elif activation == TANH:
        for n in range(len(f)):
            out[n] = one(f[n]) - f[n] * f[n]
    elif activation == RELU_TANH:
        for n in range(len(f)):
            out[n] = one(f[n]) - f[n] * f[n] if f[n] > nil(f[n]) else nil(f[n])
    else:
        for n in range(len(f)):
            out[n] = one(f[n])


@njit(**OPTIONS)
def surrogate_slope(surrogate, scale, z, out):
    """Θ′ at the distance z from the threshold."""
    if surrogate == FAST_SIGMOID:
        for n in range(len(z)):
            d = scale * abs(z[n]) + one(z[n])
            out[n] = one(z[n]) / (d * d)
    elif surrogate == TRIANGULAR:
        for n in range(len(z)):
            out[n] = max(one(z[n]) - scale * abs(z[n]), nil(z[n]))
    elif surrogate == LOGISTIC:
        for n in range(len(z)):
            y = sigmoid(scale * z[n])
            out[n] = scale * y * (one(y) - y)
    elif surrogate == ARCTAN:
        for n in range(len(z)):
            out[n] = one(z[n]) / (one(z[n]) + (scale * z[n]) * (scale * z[n]))
    else:
        for n in range(len(z)):
            out[n] = one(z[n]) if abs(z[n]) < scale else nil(z[n])


@njit(**OPTIONS)
def fire(kind, activation, a, b, c, w, before, r, threshold, s, memo):
    """Spikes of one row into `s`, and into `memo` what the backward pass needs: the local derivative of a stochastic
    function, f(u) - threshold of THRESHOLD, f(u) of DELTA. w - w adds NaN where the potential is not finite."""
    if kind == BERNOULLI:
        if activation == SIGMOID:
            for n in range(len(w)):
                rho = sigmoid(w[n])
                s[n] = (one(rho) if r[n] < rho else nil(rho)) + (w[n] - w[n])
                put(memo, n, rho * rho * (one(rho) - rho))
        else:
            for n in range(len(w)):
                rho = max(tanh(w[n]), nil(w[n]))
                s[n] = (one(rho) if r[n] < rho else nil(rho)) + (w[n] - w[n])
                put(memo, n, rho * (one(rho) - rho * rho))
    elif kind == GUMBEL:
        if a == one(a):
            for n in range(len(w)):
                e = (one(a) - r[n]) * exp(-(w[n] + w[n]))
                y = r[n] / (r[n] + e)
                s[n] = (one(a) if r[n] > e else nil(a)) + (w[n] - w[n])
                put(memo, n, (y + y) * (one(a) - y))
        else:
            for n in range(len(w)):
                z = w[n] + w[n] + np.log(r[n] / (one(a) - r[n]))
                y = sigmoid(z * a)
                s[n] = (one(a) if z > nil(a) else nil(a)) + (w[n] - w[n])
                put(memo, n, (a + a) * y * (one(a) - y))
    elif kind == ESCAPE:
        for n in range(len(w)):
            rate = a * exp((w[n] - b) * c)
            rho = min(rate, one(rate))  # finite before it is squared
            s[n] = (one(rate) if r[n] < rate else nil(rate)) + (w[n] - w[n])
            put(memo, n, rho * rho * c if rate < one(rate) else nil(rate))
    elif kind == THRESHOLD:
        activate(activation, w, s)
        for n in range(len(w)):
            z = s[n] - threshold[n]
            put(memo, n, z)
            s[n] = (one(z) if z > nil(z) else nil(z)) + (w[n] - w[n])
    elif kind == DELTA:
        f = np.empty_like(w)
        activate(activation, before, f)
        activate(activation, w, s)
        for n in range(len(w)):
            z = s[n] - f[n] - threshold[n]
            put(memo, n, s[n])
            s[n] = (one(z) if z > nil(z) else nil(z)) + (w[n] - w[n])


@njit(parallel=True, cache=True, **OPTIONS)
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
):
    """code: kind, activation, surrogate, reset, detach_reset, draws; constants: a, b, c. Empty `spikes`, `potentials`,
    `synapses`, `memo` are not wanted."""
    T, B, N = current.shape
    kind, activation, reset, draws = code[0], code[1], code[3], code[5]
    a, b, c = constants[0], constants[1], constants[2]
    blocks = (N + BLOCK - 1) // BLOCK
    keep_potential, keep_synapse, keep_memo = len(potentials) > 0, len(synapses) > 0, len(memo) > 0
    for task in prange(B * blocks):
        row, lo = task // blocks, (task % blocks) * BLOCK
        hi = min(lo + BLOCK, N)
        size = hi - lo
        # Slices with indices that are seen to start at 0: only then does LLVM vectorise.
        al, be, we, th = alpha[lo:hi], beta[lo:hi], weight[lo:hi], threshold[lo:hi]
        i, u = synapse[row, lo:hi].copy(), potential[row, lo:hi].copy()
        w, s = np.empty_like(u), np.empty_like(u)
        r = np.full((size + 3) // 4 * 4, np.float32(0.5))
        # A row of scratch takes what is not kept, so that the loop below has no branches of its own.
        scratch = np.empty(size, memo.dtype)
        steps = lengths[row] if len(lengths) else T
        for t in range(min(steps, T)):
            x = current[t, row, lo:hi]
            if len(alpha):
                for n in range(size):
                    i[n] = al[n] * i[n] + x[n]
                    w[n] = be[n] * u[n] + we[n] * i[n]
            else:
                for n in range(size):
                    i[n] = x[n]
                    w[n] = be[n] * u[n] + we[n] * x[n]
            if kind:
                if draws:
                    draw_row(r, seed, step + t, row, lo)
                m = memo[t, row, lo:hi] if keep_memo else scratch
                s = spikes[t, row, lo:hi]
                fire(kind, activation, a, b, c, w, u, r, th, s, m)
            if reset == HARD:
                for n in range(size):
                    u[n] = w[n] * (one(a) - s[n])
            elif reset == SOFT:
                for n in range(size):
                    u[n] = w[n] - th[n] * s[n]
            else:
                u, w = w, u
            if keep_potential:
                copy(u, potentials[t, row, lo:hi])
            if keep_synapse:
                copy(i, synapses[t, row, lo:hi])
        for t in range(min(steps, T), T):
            if kind:
                spikes[t, row, lo:hi] = 0
            if keep_potential:
                potentials[t, row, lo:hi] = 0
            if keep_synapse:
                synapses[t, row, lo:hi] = 0
            if keep_memo:
                memo[t, row, lo:hi] = 0
        last_synapse[row, lo:hi] = i
        last_potential[row, lo:hi] = u


@njit(parallel=True, cache=True, **OPTIONS)
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
):
    """The adjoint, time reversed. `grad_alpha`, `grad_beta`, `grad_weight`, `grad_threshold` are (B, N): a row each,
    summed by the caller; the first three need `potentials` and `synapses` and are skipped where these are empty."""
    T, B, N = grad_current.shape
    kind, activation, surrogate, reset, detached = code[0], code[1], code[2], code[3], code[4]
    a = constants[0]
    through = nil(a) if detached else one(a)  # does the reset carry a gradient?
    blocks = (N + BLOCK - 1) // BLOCK
    learned = len(synapses) > 0
    for task in prange(B * blocks):
        row, lo = task // blocks, (task % blocks) * BLOCK
        hi = min(lo + BLOCK, N)
        size = hi - lo
        be, we, th = beta[lo:hi], weight[lo:hi], threshold[lo:hi]
        al = alpha[lo:hi] if len(alpha) else np.zeros_like(be)
        g_alpha, g_beta = grad_alpha[row, lo:hi], grad_beta[row, lo:hi]
        g_weight, g_threshold = grad_weight[row, lo:hi], grad_threshold[row, lo:hi]
        gi, gu = grad_last_synapse[row, lo:hi].copy(), grad_last_potential[row, lo:hi].copy()
        gw, p, slope, z = np.empty_like(gu), np.zeros_like(gu), np.empty_like(gu), np.empty_like(gu)
        f, p_next = np.empty_like(gu), np.zeros_like(gu)
        steps = min(lengths[row], T) if len(lengths) else T
        for t in range(steps, T):
            grad_current[t, row, lo:hi] = 0
        for t in range(steps - 1, -1, -1):
            if len(grad_potentials):
                g = grad_potentials[t, row, lo:hi]
                for n in range(size):
                    gu[n] += g[n]
            if kind == 0:
                copy(gu, gw)
            elif kind <= ESCAPE:
                gs, m = grad_spikes[t, row, lo:hi], memo[t, row, lo:hi]
                for n in range(size):
                    gw[n] = gu[n] + gs[n] * get(m, n)
            elif kind == THRESHOLD:
                gs, m = grad_spikes[t, row, lo:hi], memo[t, row, lo:hi]
                for n in range(size):
                    z[n] = get(m, n)
                    f[n] = z[n] + th[n]
                    p[n] = gs[n]
                if reset == HARD:
                    for n in range(size):
                        gw[n] = gu[n] if z[n] <= nil(a) else nil(a)
                        p[n] -= gu[n] * f[n] * through
                elif reset == SOFT:
                    for n in range(size):
                        gw[n] = gu[n]
                        p[n] -= gu[n] * th[n] * through
                        g_threshold[n] -= gu[n] if z[n] > nil(a) else nil(a)
                else:
                    copy(gu, gw)
                surrogate_slope(surrogate, a, z, slope)
                for n in range(size):
                    p[n] *= slope[n]
                    g_threshold[n] -= p[n]
                activation_slope(activation, f, slope)
                for n in range(size):
                    gw[n] += p[n] * slope[n]
            else:
                gs, m = grad_spikes[t, row, lo:hi], memo[t, row, lo:hi]
                for n in range(size):
                    f[n] = get(m, n)
                activation_slope(activation, f, slope)
                for n in range(size):
                    gw[n] = gu[n] - p_next[n] * slope[n]
                    p[n] = slope[n]
                if t > 0:
                    m = memo[t - 1, row, lo:hi]
                    for n in range(size):
                        z[n] = f[n] - get(m, n) - th[n]
                else:
                    activate(activation, potential[row, lo:hi], z)
                    for n in range(size):
                        z[n] = f[n] - z[n] - th[n]
                surrogate_slope(surrogate, a, z, slope)
                for n in range(size):
                    p_next[n] = gs[n] * slope[n]
                    gw[n] += p_next[n] * p[n]
                    g_threshold[n] -= p_next[n]
            out = grad_current[t, row, lo:hi]
            for n in range(size):
                out[n] = gi[n] + we[n] * gw[n]
                gu[n] = be[n] * gw[n]
                gi[n] = al[n] * out[n]
            if learned:
                u_before = potentials[t - 1, row, lo:hi] if t > 0 else potential[row, lo:hi]
                i_before = synapses[t - 1, row, lo:hi] if t > 0 else synapse[row, lo:hi]
                i_now = synapses[t, row, lo:hi]
                for n in range(size):
                    g_beta[n] += gw[n] * u_before[n]
                    g_weight[n] += gw[n] * i_now[n]
                    g_alpha[n] += out[n] * i_before[n]
        if kind == DELTA and steps > 0:
            activate(activation, potential[row, lo:hi], f)
            activation_slope(activation, f, slope)
            for n in range(size):
                gu[n] -= p_next[n] * slope[n]
        grad_synapse[row, lo:hi] = gi
        grad_potential[row, lo:hi] = gu


def _arrays(*tensors: Tensor) -> list[np.ndarray]:
    return [tensor.detach().numpy() for tensor in tensors]


def _memo_view(memo: Tensor) -> Tensor:
    return memo.view(torch.uint16) if memo.dtype == torch.float16 else memo


def integrate_and_fire(
    operands: tuple[Tensor, ...], code: list[int], constants: list[float], wanted: tuple[Tensor, ...]
) -> None:
    """Fill `wanted`: spikes, potentials, synapses, memo, last_synapse, last_potential; see `_autograd`."""
    current, alpha, beta, weight, synapse, potential, threshold, seed, step, lengths = operands
    use_torch_threads()
    kind = np.dtype(np.float64 if current.dtype == torch.float64 else np.float32).type
    forward(
        *_arrays(current, alpha, beta, weight, synapse, potential, threshold),
        int(seed),
        int(step),
        lengths.numpy(),
        tuple(code),
        tuple(kind(value) for value in constants),
        *_arrays(*wanted[:3], _memo_view(wanted[3]), *wanted[4:]),
    )


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
    use_torch_threads()
    kind = np.dtype(np.float64 if wanted[0].dtype == torch.float64 else np.float32).type
    backward(
        *_arrays(*grads, alpha, beta, weight, synapse, potential, threshold),
        lengths.numpy(),
        tuple(code),
        tuple(kind(value) for value in constants),
        *_arrays(potentials, synapses, _memo_view(memo), *wanted),
    )
