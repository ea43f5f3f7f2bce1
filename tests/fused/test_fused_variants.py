"""One kernel runs tasks, and a task stretches, which are compiled one by one and known by their address."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numba import from_dtype, njit, types
from numba.core.errors import TypingError

from spikescan.fused._numba_math import INLINE
from spikescan.fused._numba_variants import caller, variant
from spikescan.scan._parallel import address_of, task


def kinds_of(number, kept):
    sequence = types.Array(number, 2, "C")
    return types.int64, sequence, sequence, number


@njit(**INLINE)
def f(x):
    """In the place of this, each variant has a function of its own."""
    return x


def row(t, x, out, factor):
    for n in range(x.shape[1]):
        out[t, n] = f(x[t, n]) * factor
    return 0


call = caller(kinds_of)


@task()
def spread(number, stretch, x, out, factor):
    call(stretch, out[number], out[number], (number, x, out, factor))
    return number


@njit(**INLINE)
def square(x):
    return x * x


@njit(**INLINE)
def double(x):
    return x + x


VARIANTS = {f.__name__: variant(row, f"row_{f.__name__}", f=f) for f in (square, double)}


def run(name, x):
    out = np.full(x.shape, np.nan, x.dtype)
    number = from_dtype(x.dtype)
    address = address_of(VARIANTS[name], kinds_of(number, number))
    assert spread(len(x), address, x, out, x.dtype.type(2)) == sum(range(len(x)))
    return out


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_each_has_its_own_function_and_types(dtype):
    x = np.random.default_rng(1).standard_normal((9, 5)).astype(dtype)
    np.testing.assert_array_equal(run("square", x), x * x * 2)
    np.testing.assert_array_equal(run("double", x), (x + x) * 2)


@task(error_model="python")
def divide(number, divisors):
    if divisors[number] < 0:
        raise ValueError("below 0")
    return 6 // divisors[number]


@task(error_model="numpy")
def much(number, size):
    return len(np.empty(size))


@pytest.mark.parametrize("place", range(4))
def test_what_a_task_raises_is_raised_whichever_thread_runs_it(place, two_threads):
    divisors = np.array([1, 2, 3, 6])
    divisors[place] = 0
    with pytest.raises(ZeroDivisionError):
        divide(4, divisors)
    divisors[place] = -1
    with pytest.raises(ValueError, match="below 0"):
        divide(4, divisors)
    with pytest.raises(MemoryError):
        much(4, 2**50)
    divisors[place] = 6
    assert divide(np.int32(4), divisors) == sum(6 // divisors)


def test_an_array_with_gaps_is_refused():
    x = np.ones((9, 10), np.float32)[:, ::2]
    with pytest.raises(TypeError, match="without gaps"):
        run("square", x)


def test_arguments_of_other_types_than_a_stretch_is_compiled_for_are_refused():
    @task()
    def wrong(number, stretch, x, out, factor):
        return call(stretch, out[number], out[number], (number, x, out, number))

    x = np.ones((9, 5), np.float32)
    with pytest.raises(TypingError, match="argument 3 of a stretch: float32 is needed, found int64"):
        wrong(len(x), 0, x, x, np.float32(1))


SCRIPT = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import numpy as np
from spikescan.scan import _compiling
_compiling.PATIENCE = 0.0
from test_fused_variants import run
assert (run("square", np.full((9, 5), 3.0, np.float32)) == 18).all()
"""


def test_they_are_found_again_on_the_disk(tmp_path):
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    said = [
        subprocess.run(
            [sys.executable, "-c", SCRIPT], env=environment, check=True, capture_output=True, text=True
        ).stderr
        for _ in range(2)
    ]
    assert "'row_square'" in said[0]
    assert "'spread'" in said[0]
    assert "'in_parallel'" in said[0]
    assert "'loop'" in said[0]
    assert said[1] == ""
