"""One kernel runs tasks, and a task stretches, which are compiled one by one and known by their address."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numba import njit, types
from numba.core.errors import TypingError

from spikescan.fused._numba_math import INLINE
from spikescan.fused._numba_variants import stretches, task, variant
from spikescan.scan._lanes import Plan


def kinds_of(operands):
    x, _ = operands
    return types.int64, types.int64, types.int64, x, x, x.dtype


@njit(**INLINE)
def f(x):
    """In the place of this, each variant has a function of its own."""
    return x


def row(t, first, last, x, out, factor):
    for n in range(first, last):
        out[t, n] = f(x[t, n]) * factor
    return 0


stretch_of = stretches(kinds_of)


@task(stretch_of)
def spread(number, stretch, operands, code, constants, tasks, span, warm, past):
    x, out = operands
    first, last = tasks[number % (len(tasks) - 1)], tasks[number % (len(tasks) - 1) + 1]
    begin = number // (len(tasks) - 1) * span
    for t in range(begin, min(begin + span, len(x))):
        stretch_of(stretch, operands, (t, first, last, x, out, constants[code[0]]))
    return 1 if past else 0


@njit(**INLINE)
def square(x):
    return x * x


@njit(**INLINE)
def double(x):
    return x + x


PLAN = Plan(np.array([0, 3, 5]), 4, 0, True)
VARIANTS = {f.__name__: variant(row, f"row_{f.__name__}", f=f) for f in (square, double)}


def run(name, x):
    out = np.full(x.shape, np.nan, x.dtype)
    constants = x.dtype.type(3), x.dtype.type(2)
    held_back = spread(VARIANTS[name], len(x), (x, out), (1, 0), constants, PLAN)
    assert held_back == 6  # two ranges by three spans
    return out


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_each_has_its_own_function_and_types(dtype):
    x = np.random.default_rng(1).standard_normal((9, 5)).astype(dtype)
    np.testing.assert_array_equal(run("square", x), x * x * 2)
    np.testing.assert_array_equal(run("double", x), (x + x) * 2)


def test_an_array_with_gaps_is_refused():
    x = np.ones((9, 10), np.float32)[:, ::2]
    with pytest.raises(TypingError, match="without gaps"):
        run("square", x)


def test_arguments_of_other_types_than_a_stretch_is_compiled_for_are_refused():
    @task(stretch_of)
    def wrong(number, stretch, operands, code, constants, tasks, span, warm, past):
        x, out = operands
        return stretch_of(stretch, operands, (0, 0, span, x, out, span))

    x = np.ones((9, 5), np.float32)
    with pytest.raises(TypingError, match="argument 5 of a stretch: float32 is needed, found int64"):
        wrong(VARIANTS["square"], len(x), (x, x), (1, 0), (1.0,), PLAN)


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
    assert said[1] == ""
