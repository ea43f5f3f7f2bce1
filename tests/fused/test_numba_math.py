"""What the numba kernels compute with, against numpy in float64."""

import numpy as np
import pytest
from numba import njit

from spikescan.fused import _numba_math
from spikescan.fused._numba_math import exp, get, has_halves, narrowed, sigmoid, tanh


def on_rows(function):
    """The function over an array, compiled as in the kernels."""

    @njit(error_model="numpy")
    def apply(x, out):
        for n in range(len(x)):
            out[n] = function(x[n])

    def call(x: np.ndarray) -> np.ndarray:
        out = np.empty_like(x)
        apply(x, out)
        assert out.dtype == x.dtype
        return out.astype(np.float64)

    return call


@njit
def exponential(x):
    return exp(x)


@pytest.mark.parametrize(("dtype", "bound"), [(np.float32, 2e-7), (np.float64, 1e-15)])
def test_exp(dtype, bound):
    x = np.concatenate([np.linspace(-87, 88, 400_001), np.linspace(-1, 1, 100_001)]).astype(dtype)
    expected = np.exp(x.astype(np.float64))
    assert np.abs(on_rows(exponential)(x) / expected - 1).max() < bound


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_far_out(dtype):
    x = np.array([-np.inf, -1e30, -1000, 1000, 1e30, np.inf], dtype)
    assert np.allclose(on_rows(sigmoid)(x), [0, 0, 0, 1, 1, 1], atol=1e-37)
    assert np.array_equal(on_rows(tanh)(x), [-1, -1, -1, 1, 1, 1])
    assert np.isfinite(on_rows(exponential)(x)).all()


@pytest.mark.parametrize(("dtype", "bound"), [(np.float32, 3e-7), (np.float64, 1e-15)])
def test_sigmoid_and_tanh(dtype, bound):
    x = np.linspace(-30, 30, 300_001).astype(dtype)
    wide = x.astype(np.float64)
    assert np.abs(on_rows(sigmoid)(x) - 1 / (1 + np.exp(-wide))).max() < bound
    assert np.abs(on_rows(tanh)(x) - np.tanh(wide)).max() < bound


def test_half_precision_storage():
    @njit
    def there_and_back(x, bits, out):
        for n in range(len(x)):
            bits[n] = narrowed(bits, x[n])
            out[n] = get(bits, n)

    x = np.concatenate([np.linspace(-2, 2, 9999), [1e-9, 1e-7, 7e4, -np.inf, np.nan, 0.0]]).astype(np.float32)
    bits, out = np.zeros(x.shape, np.uint16), np.empty_like(x)
    there_and_back(x, bits, out)
    expected = x.clip(-65504, 65504).astype(np.float16)
    expected[9999] = 2**-24  # what is positive stays so
    assert np.array_equal(out, expected.astype(np.float32), equal_nan=True)


def test_halves_in_whole_numbers_are_those_of_instructions():
    @njit
    def narrow(x, out):
        for n in range(len(x)):
            out[n] = _numba_math._half_bits_of(x[n])

    @njit
    def widen(bits, out):
        for n in range(len(bits)):
            out[n] = _numba_math._value_of_half(bits[n])

    every = np.arange(2**16).astype(np.uint16)
    wide = every.view(np.float16).astype(np.float32)
    found, bits = np.empty_like(wide), np.empty_like(every)
    widen(every, found)
    assert np.array_equal(found, wide, equal_nan=True)
    assert np.array_equal(np.signbit(found), np.signbit(wide))

    finite = np.sort(wide[np.isfinite(wide)])
    between = (finite[1:] + finite[:-1]) / 2  # ties
    x = np.concatenate([finite, between, *(np.nextafter(between, np.float32(end)) for end in (-1e9, 1e9)), [np.nan]])
    bits = np.empty(x.shape, np.uint16)
    narrow(x, bits)
    assert np.array_equal(bits.view(np.float16), x.astype(np.float16), equal_nan=True)
    assert np.array_equal(bits[:-1], x.astype(np.float16).view(np.uint16)[:-1])


def test_which_processors_convert_halves():
    assert has_halves("x86_64-unknown-linux-gnu", "+avx2,+f16c,-fma4")
    assert has_halves("aarch64-unknown-linux-gnu", "")
    assert has_halves("arm64-apple-darwin23", "")
    assert not has_halves("x86_64-unknown-linux-gnu", "")
    assert not has_halves("x86_64-unknown-linux-gnu", "+avx,-f16c")
