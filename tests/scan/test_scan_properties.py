"""What holds for every scan, whatever the numbers."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tolerances import assert_close

import spikescan as ss

each_backend = pytest.mark.parametrize("backend", ["reference", "fft", "native"])
decays = st.floats(0, 1)
sizes = st.tuples(st.integers(1, 40), st.integers(1, 3), st.integers(1, 9))
seeds = st.integers(0, 2**32 - 1)


def normal(shape, seed: int) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@each_backend
@given(size=sizes, seed=seeds, decay=decays, a=st.floats(-3, 3), b=st.floats(-3, 3))
def test_linear(backend, size, seed, decay, a, b):
    x, y = normal((2, *size), seed)
    whole = ss.linear_scan(a * x + b * y, decay, backend=backend)
    parts = a * ss.linear_scan(x, decay, backend=backend) + b * ss.linear_scan(y, decay, backend=backend)
    torch.testing.assert_close(whole, parts, rtol=1e-9, atol=1e-9)


@each_backend
@given(size=sizes, seed=seeds, decay=decays, reverse=st.booleans(), data=st.data())
def test_causal(backend, size, seed, decay, reverse, data):
    """What comes later changes nothing before; the changed step itself does change."""
    x = normal(size, seed)
    step = data.draw(st.integers(0, size[0] - 1))
    changed = x.clone()
    changed[step] += 1
    before, after = (ss.linear_scan(value, decay, reverse=reverse, backend=backend) for value in (x, changed))
    earlier = slice(step + 1, None) if reverse else slice(None, step)
    torch.testing.assert_close(after[earlier], before[earlier], rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(after[step], before[step] + 1, rtol=1e-9, atol=1e-9)


@each_backend
@given(size=sizes, seed=seeds, decay=decays, reverse=st.booleans(), data=st.data())
def test_split_and_carry(backend, size, seed, decay, reverse, data):
    """Values, and the gradients that flow through what is carried."""
    x = normal((size[0] + 1, *size[1:]), seed).requires_grad_()
    cut = data.draw(st.integers(1, size[0]))
    whole = ss.linear_scan(x, decay, reverse=reverse, backend=backend)
    parts = [x[cut:], x[:cut]] if reverse else [x[:cut], x[cut:]]
    first = ss.linear_scan(parts[0], decay, None, reverse, backend)
    second = ss.linear_scan(parts[1], decay, first[0 if reverse else -1], reverse, backend)
    joined = torch.cat([second, first] if reverse else [first, second])
    torch.testing.assert_close(joined, whole, rtol=1e-9, atol=1e-9)
    cotangent = normal(x.shape, seed + 1)
    gradients = [torch.autograd.grad(v, x, cotangent)[0] for v in (joined, whole)]
    torch.testing.assert_close(*gradients, rtol=1e-9, atol=1e-9)


@each_backend
@given(size=sizes, seed=seeds, decay=decays, data=st.data())
def test_rows_and_features_are_independent(backend, size, seed, decay, data):
    x = normal(size, seed)
    row, feature = data.draw(st.integers(0, size[1] - 1)), data.draw(st.integers(0, size[2] - 1))
    whole = ss.linear_scan(x, decay, backend=backend)[:, row, feature]
    alone = ss.linear_scan(x[:, row : row + 1, feature : feature + 1], decay, backend=backend)[:, 0, 0]
    torch.testing.assert_close(alone, whole, rtol=1e-9, atol=1e-9)


@each_backend
@given(size=sizes, seed=seeds, decay=decays)
def test_reverse_is_the_flip(backend, size, seed, decay):
    x = normal(size, seed)
    backwards = ss.linear_scan(x, decay, reverse=True, backend=backend)
    assert_close(backwards, ss.linear_scan(x.flip(0), decay, backend="reference").flip(0))
