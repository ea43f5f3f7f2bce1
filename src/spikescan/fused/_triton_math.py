"""What the Triton kernels compute with: the counter-based draws, activations, surrogates, firing.

The codes are those of `firing/_codes.py`. NaN and infinity come through everything here.
"""

from ctypes import c_float

import torch
import triton
import triton.language as tl
from torch import Tensor

from ..firing import _codes
from ..random import KEY_STEPS, MULTIPLIERS, ROUNDS
from ..scan._triton import BLOCK, check_lanes, on

BERNOULLI, GUMBEL, ESCAPE = map(tl.constexpr, (_codes.BERNOULLI, _codes.GUMBEL, _codes.ESCAPE))
THRESHOLD, DELTA = map(tl.constexpr, (_codes.THRESHOLD, _codes.DELTA))
SIGMOID, TANH, RELU_TANH = map(tl.constexpr, (_codes.SIGMOID, _codes.TANH, _codes.RELU_TANH))
FAST_SIGMOID, TRIANGULAR = map(tl.constexpr, (_codes.FAST_SIGMOID, _codes.TRIANGULAR))
LOGISTIC, ARCTAN = map(tl.constexpr, (_codes.LOGISTIC, _codes.ARCTAN))
HARD, SOFT = map(tl.constexpr, (_codes.HARD, _codes.SOFT))

_M0, _M1 = tl.constexpr(MULTIPLIERS[0]), tl.constexpr(MULTIPLIERS[1])
_W0, _W1 = tl.constexpr(KEY_STEPS[0]), tl.constexpr(KEY_STEPS[1])
_ROUNDS = tl.constexpr(ROUNDS)
_STEP = tl.constexpr(2.0**-23)


@triton.jit
def narrow(b_value, dtype: tl.constexpr):
    """A float16 is as large as it can be, positive where the value is, and NaN stays NaN."""
    if dtype == tl.float16:
        b_value = tl.where(b_value > 65504.0, 65504.0, tl.where(b_value < -65504.0, -65504.0, b_value))
        b_value = tl.where((b_value > 0.0) & (b_value < 5.9604644775390625e-08), 5.9604644775390625e-08, b_value)
    return b_value.to(dtype)


@triton.jit
def locate(lanes, N, width, PADDED: tl.constexpr, BLOCK: tl.constexpr):
    """(lane, row, feature, mask) of the program's block. PADDED: rows are counted as `width` features, a multiple of 4,
    so that four neighbours always share a counter; those beyond N are masked."""
    o_block = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    o_row, o_feature = o_block // width, o_block % width
    o_lane = o_block
    m_lane = o_block < lanes
    if PADDED:
        o_lane = o_row * N + o_feature
        m_lane = (o_feature < N) & (o_lane < lanes)
    return o_lane, o_row, o_feature, m_lane


@triton.jit
def load_lengths(p_lengths, o_row, m_lane, T, HAS_LENGTHS: tl.constexpr):
    """Valid steps of each lane, int64."""
    b_steps = tl.zeros(o_row.shape, tl.int64) + T
    if HAS_LENGTHS:
        b_steps = tl.minimum(tl.load(p_lengths + o_row, mask=m_lane, other=0), b_steps)
    return b_steps


@triton.jit
def load_decays(p_row, stride, m_lane, COUPLED: tl.constexpr):
    """The seven rows of `_problem.COUPLING`. Of two leaks there are three, α, β and the membrane's gain: ii, uu, ux."""
    UU: tl.constexpr = 3 if COUPLED else 1
    UX: tl.constexpr = 5 if COUPLED else 2
    b_ii = tl.load(p_row, mask=m_lane, other=0.0)
    b_uu = tl.load(p_row + UU * stride, mask=m_lane, other=0.0)
    b_ux = tl.load(p_row + UX * stride, mask=m_lane, other=0.0)
    b_iu, b_ix, b_ui, b_jump = b_ii, b_ii, b_ii, b_ii
    if COUPLED:
        b_iu = tl.load(p_row + stride, mask=m_lane, other=0.0)
        b_ix = tl.load(p_row + 2 * stride, mask=m_lane, other=0.0)
        b_ui = tl.load(p_row + 4 * stride, mask=m_lane, other=0.0)
        b_jump = tl.load(p_row + 6 * stride, mask=m_lane, other=0.0)
    return b_ii, b_iu, b_ix, b_uu, b_ui, b_ux, b_jump


@triton.jit
def philox(c0, c1, c2, c3, k0, k1):
    """Four uint32 words of Philox 4x32-10 (see `spikescan.random`). Counters that are scalars keep the first rounds
    cheap: only what depends on the lane is computed for each."""
    for _ in tl.static_range(_ROUNDS):
        high0, low0 = tl.umulhi(c0, _M0), tl.mul(c0, _M0, sanitize_overflow=False)
        high1, low1 = tl.umulhi(c2, _M1), tl.mul(c2, _M1, sanitize_overflow=False)
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0, k1 = tl.add(k0, _W0, sanitize_overflow=False), tl.add(k1, _W1, sanitize_overflow=False)
    return c0, c1, c2, c3


@triton.jit
def draw(o_group, o_row, step, seed):
    """float32 draws of the four features of each group, at (row, step): four times as long as `o_group`."""
    a, b, c, d = philox(
        o_group.to(tl.uint32),
        o_row.to(tl.uint32),
        step.to(tl.uint32),
        (step >> 32).to(tl.uint32),
        seed.to(tl.uint32),
        (seed >> 32).to(tl.uint32),
    )
    words = tl.interleave(tl.interleave(a, c), tl.interleave(b, d))
    return ((words >> 9).to(tl.int32).to(tl.float32) + 0.5) * _STEP


@triton.jit
def quads(width, BLOCK: tl.constexpr):
    """(group of four features, row) of the counters that the program's block of lanes needs."""
    o_quad = tl.program_id(0) * (BLOCK // 4) + tl.arange(0, BLOCK // 4)
    groups = width // 4
    return o_quad % groups, o_quad // groups


@triton.jit
def sigmoid(x):
    return 1.0 / (1.0 + tl.exp(-x))


@triton.jit
def positive(x):
    """max(x, 0), but NaN for NaN."""
    return tl.where(x < 0.0, 0.0, x)


@triton.jit
def activate(x, ACTIVATION: tl.constexpr):
    f = x
    if ACTIVATION == SIGMOID:
        f = sigmoid(x)
    if ACTIVATION >= TANH:
        f = 1.0 - 2.0 / (1.0 + tl.exp(x + x))
    if ACTIVATION == RELU_TANH:
        f = positive(f)
    return f


@triton.jit
def activation_slope(f, ACTIVATION: tl.constexpr):
    """f'(u) in terms of f(u)."""
    slope = tl.full(f.shape, 1.0, f.dtype)
    if ACTIVATION == SIGMOID:
        slope = f * (1.0 - f)
    if ACTIVATION >= TANH:
        slope = 1.0 - f * f
    if ACTIVATION == RELU_TANH:
        slope = tl.where(f > 0.0, slope, 0.0)
    return slope


@triton.jit
def surrogate_slope(z, scale, SURROGATE: tl.constexpr):
    """Θ′ at the distance z from the threshold."""
    if SURROGATE == FAST_SIGMOID:
        d = scale * tl.abs(z) + 1.0
        slope = 1.0 / (d * d)
    elif SURROGATE == TRIANGULAR:
        slope = positive(1.0 - scale * tl.abs(z))
    elif SURROGATE == LOGISTIC:
        y = sigmoid(scale * z)
        slope = scale * y * (1.0 - y)
    elif SURROGATE == ARCTAN:
        slope = 1.0 / (1.0 + (scale * z) * (scale * z))
    else:
        slope = tl.where(tl.abs(z) < scale, 1.0, 0.0).to(z.dtype)
    return slope


@triton.jit
def fire(w, before, r, threshold, a, b, c, KIND: tl.constexpr, ACTIVATION: tl.constexpr, UNIT: tl.constexpr):
    """(spikes, memo) of the potentials w, u[t-1] = before, draws r. The memo is what the backward pass needs: the local
    derivative of a stochastic function, f(u) - threshold of THRESHOLD, f(u) of DELTA. UNIT: a is 1."""
    if KIND == BERNOULLI:
        rho = activate(w, ACTIVATION)
        fires = r < rho
        memo = rho * rho * (1.0 - rho) if ACTIVATION == SIGMOID else rho * (1.0 - rho * rho)
    elif KIND == GUMBEL:
        # y > 1/2 exactly where r > (1 - r)·exp(-2u), whatever the temperature 1/a.
        e = (1.0 - r) * tl.exp(-(w + w))
        fires = r > e
        if UNIT:
            y = r / (r + e)
            memo = (y + y) * (1.0 - y)
        else:
            y = sigmoid(a * (w + w + tl.log(r / (1.0 - r))))
            memo = (a + a) * y * (1.0 - y)
    elif KIND == ESCAPE:
        rate = a * tl.exp((w - b) * c)
        fires = r < rate
        memo = tl.where(rate < 1.0, rate * rate * c, 0.0)
    elif KIND == THRESHOLD:
        memo = activate(w, ACTIVATION) - threshold
        fires = memo > 0.0
    else:
        memo = activate(w, ACTIVATION)
        fires = memo - activate(before, ACTIVATION) - threshold > 0.0
    # w - w is NaN where the potential is not finite: a comparison never hides it.
    return tl.where(fires, 1.0, 0.0).to(w.dtype) + (w - w), memo


@triton.jit(do_not_specialize=["T", "length"])
def uniform_kernel(p_seed, p_step, p_out, T, length, lanes, N, width, PADDED: tl.constexpr, BLOCK: tl.constexpr):
    o_lane, _, _, m_lane = locate(lanes, N, width, PADDED, BLOCK)
    o_group, o_row = quads(width, BLOCK)
    seed, step = tl.load(p_seed), tl.load(p_step)
    begin = tl.program_id(1).to(tl.int64) * length
    for t in range(begin, tl.minimum(begin + length, T)):
        tl.store(p_out + t * lanes + o_lane, draw(o_group, o_row, step + t, seed), mask=m_lane)


def halves(value: float) -> tuple[float, float]:
    """A constant as a float32, which is what a kernel takes a float for, and what that loses."""
    high = c_float(value).value
    return high, value - high


def uniform(seed: Tensor, step: Tensor, steps: int, rows: int, features: int) -> Tensor:
    """The body of `spikescan.random.uniform`."""
    out = torch.empty((steps, rows, features), dtype=torch.float32, device=seed.device)
    if out.numel() == 0:
        return out
    width, length = triton.cdiv(features, 4) * 4, max(16, triton.cdiv(steps, 65535))
    check_lanes(rows * width)
    with on(seed.device):
        uniform_kernel[triton.cdiv(rows * width, BLOCK), triton.cdiv(steps, length)](
            seed, step, out, steps, length, rows * features, features, width, width != features, BLOCK, num_warps=1
        )
    return out
