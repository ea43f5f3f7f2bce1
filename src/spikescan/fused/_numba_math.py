"""What the numba kernels compute with: the counter-based draws, an exponential that vectorises, 16-bit storage.

Every function is inlined into the kernels' feature loops, which LLVM turns into vector code; nothing here may call a
library function for float32, because that would keep it from doing so.
"""

import math

import numpy as np
import torch
from llvmlite import ir
from numba import njit, prange, types
from numba.extending import intrinsic, overload
from torch import Tensor

from ..random import KEY_STEPS, MULTIPLIERS, ROUNDS
from ..scan._caches import pieces, place
from ..scan._lanes import compiled
from ..scan._threads import use_torch_threads

# No "nnan" and no "ninf": NaN and infinity must come through.
FAST = {"contract", "arcp", "nsz"}
OPTIONS = {"fastmath": FAST, "error_model": "numpy", "forceinline": False}  # else taken over from a caller
INLINE = OPTIONS | {"forceinline": True}

_M0, _M1 = np.uint64(MULTIPLIERS[0]), np.uint64(MULTIPLIERS[1])
_W0, _W1 = np.uint32(KEY_STEPS[0]), np.uint32(KEY_STEPS[1])
_HIGH = np.uint64(32)
_MANTISSA = np.uint32(9)
_HALF, _STEP = np.float32(0.5), np.float32(2.0**-23)
_LOG2E, _LN2_HIGH, _LN2_LOW = np.float32(1.44269504), np.float32(0.693359375), np.float32(-2.12194440e-4)
_ROUND = np.float32(1.5 * 2**23)  # a float32 so large has no fraction: its lowest bits are an integer
_LOWEST, _HIGHEST = np.float32(-87.0), np.float32(88.0)
# Cephes' minimax polynomial of exp on [-ln 2 / 2, ln 2 / 2], from degree 7 down to 2.
_P7, _P6, _P5 = np.float32(1.9875691500e-4), np.float32(1.3981999507e-3), np.float32(8.3334519073e-3)
_P4, _P3, _P2 = np.float32(4.1665795894e-2), np.float32(1.6666665459e-1), np.float32(5.0000001201e-1)
_HALF_MAX, _HALF_MIN = np.float32(65504.0), np.float32(2.0**-24)
_ONE, _NIL, _EXPONENT = np.float32(1.0), np.float32(0.0), np.int32(23)


@intrinsic
def _bits_to_float(context, bits):
    def generate(context, builder, signature, args):
        return builder.bitcast(args[0], ir.FloatType())

    return types.float32(types.int32), generate


@intrinsic
def _float_to_bits(context, value):
    def generate(context, builder, signature, args):
        return builder.bitcast(args[0], ir.IntType(32))

    return types.int32(types.float32), generate


@intrinsic
def _to_half_bits(context, value):
    def generate(context, builder, signature, args):
        return builder.bitcast(builder.fptrunc(args[0], ir.HalfType()), ir.IntType(16))

    return types.uint16(types.float32), generate


@intrinsic
def _from_half_bits(context, bits):
    def generate(context, builder, signature, args):
        return builder.fpext(builder.bitcast(args[0], ir.HalfType()), ir.FloatType())

    return types.float32(types.uint16), generate


def narrowed(row, value):
    """What `row` keeps of a value; a uint16 row the bits of a float16, as large as it can be and positive where value
    is."""


@overload(narrowed, jit_options=INLINE)
def _narrowed(row, value):
    def narrow(row, value):
        v = np.float32(value)
        v = _HALF_MAX if v > _HALF_MAX else (-_HALF_MAX if v < -_HALF_MAX else v)  # NaN stays
        return _to_half_bits(_HALF_MIN if _NIL < v < _HALF_MIN else v)

    return narrow if row.dtype == types.uint16 else lambda row, value: value


def get(row, n):
    """row[n], widened from float16 bits in a uint16 row."""


@overload(get, jit_options=INLINE)
def _get(row, n):
    if row.dtype == types.uint16:
        return lambda row, n: _from_half_bits(row[n])
    return lambda row, n: row[n]


# Loops, where a slice assignment would compile words for shapes that do not fit.


@njit(**OPTIONS)
def copy(source, target):
    for n in range(len(target)):
        target[n] = source[n]


@njit(**OPTIONS)
def repeat(values, target):
    for piece in range(pieces(target, values)):
        begin = piece * len(values)
        for n in range(min(len(values), len(target) - begin)):
            target[begin + n] = values[n]


@njit(**OPTIONS)
def fill(target, value):
    for n in range(len(target)):
        target[n] = value


@njit(**INLINE)
def _exp32(x):
    x = min(max(x, _LOWEST), _HIGHEST)
    z = x * _LOG2E + _ROUND
    n = z - _ROUND  # x / ln 2, rounded
    r = (x - n * _LN2_HIGH) - n * _LN2_LOW
    p = ((((_P7 * r + _P6) * r + _P5) * r + _P4) * r + _P3) * r + _P2
    return _bits_to_float(_float_to_bits(p * (r * r) + (r + _ONE)) + (_float_to_bits(z) << _EXPONENT))


def exp(x):
    """exp(x); for float32 by polynomial, with a relative error under 2e-7 on [-87, 88] and clamped outside."""


@overload(exp, jit_options=INLINE)
def _exp(x):
    if x == types.float32:
        return lambda x: _exp32(x)
    return lambda x: math.exp(min(max(x, -700.0), 700.0))


def one(x):
    """1 in the type of x: a plain 1.0 would widen float32 arithmetic to float64."""


@overload(one, jit_options=INLINE)
def _one(x):
    return (lambda x: _ONE) if x == types.float32 else (lambda x: 1.0)


def nil(x):
    """0 in the type of x."""


@overload(nil, jit_options=INLINE)
def _nil(x):
    return (lambda x: _NIL) if x == types.float32 else (lambda x: 0.0)


@njit(**INLINE)
def sigmoid(x):
    return one(x) / (one(x) + exp(-x))


@njit(**INLINE)
def tanh(x):
    return one(x) - (one(x) + one(x)) / (one(x) + exp(x + x))


@njit(**INLINE)
def philox(c0, c1, c2, c3, k0, k1):
    """Four uint32 words of Philox 4x32-10 (see `spikescan.random`)."""
    for _ in range(ROUNDS):
        p0, p1 = np.uint64(c0) * _M0, np.uint64(c2) * _M1
        c0, c1 = np.uint32(p1 >> _HIGH) ^ c1 ^ k0, np.uint32(p1)
        c2, c3 = np.uint32(p0 >> _HIGH) ^ c3 ^ k1, np.uint32(p0)
        k0, k1 = np.uint32(k0 + _W0), np.uint32(k1 + _W1)
    return c0, c1, c2, c3


@njit(**INLINE)
def unit(word):
    return (np.float32(np.int32(word >> _MANTISSA)) + _HALF) * _STEP


@njit(**INLINE)
def draw_row(out, begin, count, seed, step, row, first):
    """Draws for features first, first + 1, … into `count` places of `out` from `begin` on; `first` and `count` are
    multiples of 4."""
    k0, k1 = np.uint32(seed), np.uint32(np.uint64(seed) >> _HIGH)
    c2, c3 = np.uint32(step), np.uint32(np.uint64(step) >> _HIGH)
    block = np.uint32(first // 4)
    for f in range(count // 4):
        a, b, c, d = philox(np.uint32(block + np.uint32(f)), np.uint32(row), c2, c3, k0, k1)
        out[place(begin, 4 * f)] = unit(a)
        out[place(begin, 4 * f + 1)] = unit(b)
        out[place(begin, 4 * f + 2)] = unit(c)
        out[place(begin, 4 * f + 3)] = unit(d)


@njit(**INLINE)
def draw_rows(out, count, seed, step, row, first, width):
    """Draws of rows row, row + 1, …, of each the `width` features first, first + 1, … (a multiple of 4), one after the
    other into `count` places of `out`, which has room for one more row of a multiple of 4 behind them."""
    even = (width + 3) // 4 * 4
    for k in range(count // width):
        begin = k * width if width == even else count
        draw_row(out, begin, even, seed, step, row + k, first)
        if width != even:
            for n in range(width):
                out[place(k * width, n)] = out[place(count, n)]


@compiled(**OPTIONS)
def _uniform(seed, step, blocks, out):
    """Each block takes the same number of places (t, row), so that one long row is shared out as well as many."""
    T, B, N = out.shape
    share = (T * B + blocks - 1) // blocks
    for block in prange(blocks):
        r = np.empty((N + 3) // 4 * 4, np.float32)
        for at in range(block * share, min((block + 1) * share, T * B)):
            t, row = at // B, at % B
            draw_row(r, 0, len(r), seed, step + t, row, 0)
            for n in range(N):
                out[t, row, n] = r[n]


def uniform(seed: Tensor, step: Tensor, steps: int, rows: int, features: int) -> Tensor:
    """The body of `spikescan.random.uniform`."""
    out = torch.empty((steps, rows, features), dtype=torch.float32)
    _uniform(int(seed), int(step), use_torch_threads(), out.numpy())
    return out
