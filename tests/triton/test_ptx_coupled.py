"""The same where two states drive each other, and of a scan whose decay is complex."""

import pytest
import torch
from compiling import compiled_by
from test_ptx import (
    CHUNKED,
    DELTA,
    HARD,
    IDENTITY,
    LONG,
    ODD,
    SHORT,
    SOFT,
    TANH,
    THRESHOLD,
    WHOLE,
    compiled_here,
    hopper,
    names,
    neuron,
)

from spikescan.scan._triton import linear_scan

pytestmark = pytest.mark.usefixtures(hopper.__name__, compiled_here.__name__)
COUPLED = [
    (LONG, [DELTA, TANH, 3, 0, 1, 0], torch.bfloat16),
    (ODD, [THRESHOLD, IDENTITY, 4, SOFT, 0, 0], torch.float64),
    (SHORT, [THRESHOLD, IDENTITY, 0, HARD, 1, 0], torch.float16),
]


@pytest.mark.parametrize(("shape", "code", "current"), COUPLED, ids=str)
def test_coupled(shape, code, current, monkeypatch):
    dtype = torch.float64 if current == torch.float64 else torch.float32
    launch = neuron(shape, code, dtype=dtype, current=current, coupled=True, whole=shape is SHORT)
    assert names(compiled_by(monkeypatch, launch)) == (CHUNKED if shape is LONG else WHOLE)


def test_linear_scan_with_a_complex_decay(monkeypatch):
    x = torch.empty(LONG, dtype=torch.complex64)
    kernels = compiled_by(monkeypatch, lambda: linear_scan(x, x[0, 0], None, False))
    assert names(kernels) == CHUNKED[:3]
