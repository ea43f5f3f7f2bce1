"""What the numba kernels compute with: an exponential that vectorises, 16-bit storage, loops over rows.

The scalar functions are inlined into the kernels' feature loops, which LLVM turns into vector code; none may call a
library function for float32, because that would keep it from doing so.
"""

import math

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core.registry import cpu_target
from numba.extending import intrinsic, overload

from ..scan._caches import pieces
from ..scan._parallel import ALONE

# No "nnan" and no "ninf": NaN and infinity must come through.
FAST = {"contract", "arcp", "nsz"}
OPTIONS = {"fastmath": FAST, "error_model": "numpy", "forceinline": False}  # else taken over from a caller
INNER = OPTIONS | ALONE  # for kernels alone to call
INLINE = INNER | {"forceinline": True}

_LOG2E, _LN2_HIGH, _LN2_LOW = np.float32(1.44269504), np.float32(0.693359375), np.float32(-2.12194440e-4)
_ROUND = np.float32(1.5 * 2**23)  # a float32 so large has no fraction: its lowest bits are an integer
_LOWEST, _HIGHEST = np.float32(-87.0), np.float32(88.0)
# Cephes' minimax polynomial of exp on [-ln 2 / 2, ln 2 / 2], from degree 7 down to 2.
_P7, _P6, _P5 = np.float32(1.9875691500e-4), np.float32(1.3981999507e-3), np.float32(8.3334519073e-3)
_P4, _P3, _P2 = np.float32(4.1665795894e-2), np.float32(1.6666665459e-1), np.float32(5.0000001201e-1)
_HALF_MAX, _HALF_MIN = np.float32(65504.0), np.float32(2.0**-24)
_EXPONENTS_APART = (127 - 15) << 10  # of a float32 and a float16, in the latter's bits
_NORMAL, _INFINITE = (127 - 14) << 23, 255 << 23  # the smallest float16 that is normal, and infinity, as float32
_ONE, _HALF, _NIL, _EXPONENT = np.float32(1.0), np.float32(0.5), np.float32(0.0), np.int32(23)


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


@njit(**INLINE)
def _half_bits_of(value):
    """The same in whole numbers, for a value up to the largest float16, or NaN."""
    bits = _float_to_bits(value)
    size = bits & 0x7FFFFFFF
    near = (size + 0xFFF + (size >> 13 & 1)) >> 13  # to the nearest, to the even one of two
    half = near - _EXPONENTS_APART
    if size < _NORMAL:  # adding rounds it to where its bits are the last ones
        half = _float_to_bits(abs(value) + _HALF) - _float_to_bits(_HALF)
    if size > _INFINITE:
        half = 0x7E00
    return np.uint16(half | (bits >> 16 & 0x8000))


@njit(**INLINE)
def _value_of_half(half):
    sign, bits = np.int32(half & 0x8000) << 16, np.int32(half & 0x7FFF) << 13
    size = bits + (_EXPONENTS_APART << 13)
    if bits < 1 << 23:
        size = _float_to_bits(_bits_to_float(bits + _NORMAL) - _bits_to_float(_NORMAL))
    if bits >= 0x7C00 << 13:
        size = bits + (2 * _EXPONENTS_APART << 13)
    return _bits_to_float(size | sign)


def has_halves(triple: str, features: str) -> bool:
    """Whether LLVM makes an instruction of a conversion to 16 bits or back; else a call of a function that nobody
    links, at which the process would end."""
    return triple.startswith(("aarch64", "arm64")) or "+f16c" in features.split(",")


_triple, _, _features = cpu_target.target_context.codegen().magic_tuple()
TO_HALF, FROM_HALF = (
    (_to_half_bits, _from_half_bits) if has_halves(_triple, _features) else (_half_bits_of, _value_of_half)
)


def narrowed(row, value):
    """What `row` keeps of a value; a uint16 row the bits of a float16, as large as it can be and positive where value
    is."""


@overload(narrowed, jit_options=INLINE)
def _narrowed(row, value):
    def narrow(row, value):
        v = np.float32(value)
        v = _HALF_MAX if v > _HALF_MAX else (-_HALF_MAX if v < -_HALF_MAX else v)  # NaN stays
        return TO_HALF(_HALF_MIN if _NIL < v < _HALF_MIN else v)

    return narrow if row.dtype == types.uint16 else lambda row, value: value


def get(row, n):
    """row[n], widened from float16 bits in a uint16 row."""


@overload(get, jit_options=INLINE)
def _get(row, n):
    if row.dtype == types.uint16:
        return lambda row, n: FROM_HALF(row[n])
    return lambda row, n: row[n]


@njit(**OPTIONS)
def repeat(values, target):
    for piece in range(pieces(target, values)):
        begin = piece * len(values)
        for n in range(min(len(values), len(target) - begin)):
            target[begin + n] = values[n]


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


def lowest(x):
    """The lowest number of the type of x."""


@overload(lowest, jit_options=INLINE)
def _lowest(x):
    number = np.finfo(np.float32 if x == types.float32 else np.float64).min
    return lambda x: number


@njit(**INLINE)
def sigmoid(x):
    return one(x) / (one(x) + exp(-x))


@njit(**INLINE)
def tanh(x):
    return one(x) - (one(x) + one(x)) / (one(x) + exp(x + x))
