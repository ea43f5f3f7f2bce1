"""Every body of the scan against sums of powers in float64, forward and every gradient."""

from functools import lru_cache

import numpy as np
import oracles
import pytest
import torch
from helpers import DTYPES, STEPS, leaf, name, strided
from tolerances import assert_close

import spikescan as ss

BACKENDS = "reference", "fft", "native"
each_backend = pytest.mark.parametrize("backend", BACKENDS)
B, N = 3, 5


@lru_cache
def expected(steps: int, dtype: torch.dtype, reverse: bool):
    """Inputs (x, decay, initial), a cotangent, and the oracle's (v, ∂x, ∂decay, ∂initial)."""
    torch.manual_seed(steps)
    inside = torch.float64 if dtype == torch.float64 else torch.float32
    decay, initial = torch.tensor([0.0, 0.3, 0.9, 0.999, 1.0], dtype=inside), torch.randn(B, N, dtype=inside)
    inputs = torch.randn(steps, B, N).to(dtype), decay, initial
    cotangent = torch.randn(steps, B, N).to(dtype)
    x, decay, initial = (value.double().requires_grad_() for value in inputs)
    v = oracles.scan(x.flip(0) if reverse else x, decay, initial)
    v = v.flip(0) if reverse else v
    return inputs, cotangent, (v.detach(), *torch.autograd.grad(v, (x, decay, initial), cotangent.double()))


def test_uninitialised_memory_is_nan():
    x = torch.zeros(3)
    assert all(made.isnan().all() for made in (torch.empty(3), torch.empty_like(x), x.new_empty(3)))


@each_backend
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("dtype", DTYPES, ids=name)
@pytest.mark.parametrize("steps", STEPS)
def test_forward_and_gradients(backend, reverse, dtype, steps):
    inputs, cotangent, (v, *gradients) = expected(steps, dtype, reverse)
    x, decay, initial = (leaf(value) for value in inputs)
    computed = ss.linear_scan(x, decay, initial, reverse, backend)
    assert computed.dtype == dtype
    assert_close(computed, v, "v", dtype=dtype)
    computed.backward(strided(cotangent))
    for what, value, gradient in zip(("x", "decay", "initial"), (x, decay, initial), gradients, strict=True):
        assert value.grad.dtype == value.dtype
        assert_close(value.grad, gradient, f"gradient of {what}", dtype=dtype)


@each_backend
@pytest.mark.parametrize("shape", [(7, 1), (7, 2, 1), (1, 1, 1), (7, 2, 1100), (7, 2, 3, 4, 5), (7, 0, 3), (7, 2, 0)])
def test_shapes(backend, shape):
    x = torch.randn(shape, dtype=torch.float64)
    expected = oracles.scan(x.reshape(*shape[:2], x.shape[2:].numel()), torch.tensor(0.7, dtype=torch.float64)).view(
        shape
    )
    assert_close(ss.linear_scan(strided(x), 0.7, backend=backend), expected)


@each_backend
def test_decay_broadcasts_over_the_features(backend):
    x, decay = torch.randn(9, 2, 3, 4, dtype=torch.float64), torch.rand(3, 1, dtype=torch.float64).requires_grad_()
    v = ss.linear_scan(x, decay, backend=backend)
    flat = oracles.scan(x.flatten(2), decay.expand(3, 4).flatten())
    assert_close(v, flat.view_as(x))
    assert_close(*(torch.autograd.grad(out.square().sum(), decay)[0] for out in (v, flat)))


def test_any_truth_is_a_direction():
    x = torch.randn(5, 2, 3, requires_grad=True)
    (expected,) = torch.autograd.grad(ss.linear_scan(x, 0.5, reverse=True).square().sum(), x)
    for reverse in (1, np.True_):
        (found,) = torch.autograd.grad(ss.linear_scan(x, 0.5, reverse=reverse).square().sum(), x)
        assert torch.equal(found, expected)


@each_backend
def test_closed_forms(backend):
    x = torch.randn(50, 2, 3, dtype=torch.float64)
    impulse, time = torch.zeros_like(x), torch.arange(50.0, dtype=torch.float64)
    impulse[0] = 1
    assert_close(ss.linear_scan(x, 0.0, backend=backend), x)
    assert_close(ss.linear_scan(x, 1.0, backend=backend), x.cumsum(0))
    assert_close(ss.linear_scan(x, 1, reverse=True, backend=backend), x.flip(0).cumsum(0).flip(0))
    powers = (0.9**time)[:, None, None].expand_as(x)
    assert_close(ss.linear_scan(impulse, 0.9, backend=backend), powers)
    assert_close(ss.linear_scan(torch.ones_like(x), 0.9, backend=backend), (1 - 0.9 * powers) / 0.1)


@each_backend
def test_half_precision_accumulates_in_float32(backend):
    x = torch.ones(5000, 1, 1, dtype=torch.bfloat16)  # a sum of ones in bfloat16 stops at 256
    assert ss.linear_scan(x, 1.0, backend=backend)[-1].item() == 5000 // 32 * 32
    decay = torch.full((), 0.9995)  # 1.0 in bfloat16
    assert_close(ss.linear_scan(x, decay, backend=backend), oracles.scan(x, decay))


@each_backend
@pytest.mark.parametrize("reverse", [False, True])
def test_gradcheck(backend, reverse):
    x, initial = torch.randn(4, 2, 2, dtype=torch.float64), torch.randn(2, 2, dtype=torch.float64)
    arguments = tuple(value.requires_grad_() for value in (x, torch.rand(2, dtype=torch.float64), initial))

    def function(x, decay, initial):
        return ss.linear_scan(x, decay, initial, reverse, backend)

    assert torch.autograd.gradcheck(function, arguments)
    assert torch.autograd.gradgradcheck(function, arguments)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("decay", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("backend", ["reference", "native"])
def test_a_bad_value_stays_in_its_neuron_and_after_its_step(backend, decay, value):
    x = torch.randn(9, 2, 3)
    x[4, 1, 2] = value
    bad = torch.zeros(9, 2, 3, dtype=torch.bool)
    bad[4:, 1, 2] = True
    assert torch.equal(~ss.linear_scan(x, decay, backend=backend).isfinite(), bad)


X = torch.randn(4, 2, 3)
BAD = [
    (ValueError, "decay", (X, 1.5), {}),
    (ValueError, "decay", (X, -0.1), {}),
    (ValueError, "decay", (X, float("nan")), {}),
    (ValueError, "decay", (X, torch.tensor([0.1, 0.2, float("nan")])), {}),
    (ValueError, "decay", (X, torch.tensor([0.1, 0.2, 1.01])), {}),
    (ValueError, "decay", (X, torch.rand(4)), {}),
    (ValueError, "decay", (X, torch.rand((), device="meta")), {}),
    (TypeError, "decay", (X, "a"), {}),
    (TypeError, "decay", (X, None), {}),
    (TypeError, "x", (X.int(), 0.5), {}),
    (TypeError, "x", (X.numpy(), 0.5), {}),
    (TypeError, "x", (X + 0j, 0.5), {}),
    (ValueError, "x", (X[0, 0], 0.5), {}),
    (ValueError, "x", (X[:0], 0.5), {}),
    (ValueError, "initial", (X, 0.5, torch.zeros(3)), {}),
    (ValueError, "initial", (X, 0.5, torch.zeros(2, 3, device="meta")), {}),
    (TypeError, "initial", (X, 0.5, 0.0), {}),
    (ValueError, "backend", (X, 0.5), {"backend": "cuda"}),
    (ValueError, "backend", (X, 0.5), {"backend": "triton"}),
    (ValueError, "backend", (X.to("meta"), 0.5), {"backend": "native"}),
]


@pytest.mark.parametrize(("error", "argument", "arguments", "options"), BAD)
def test_bad_arguments_are_named(error, argument, arguments, options, monkeypatch):
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    with pytest.raises(error, match=rf"^{argument}:"):
        ss.linear_scan(*arguments, **options)


@each_backend
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_carried_on_and_not_back(backend, reverse, value):
    x = torch.randn(12, 2, 3)
    clean = ss.linear_scan(x, 0.9, reverse=reverse, backend=backend)
    x[7, 1, 2] = value
    found = ss.linear_scan(x, 0.9, reverse=reverse, backend=backend)
    bad = torch.zeros(12, 2, 3, dtype=torch.bool)
    bad[slice(0, 8) if reverse else slice(7, 12), 1, 2] = True
    assert torch.equal(~found.isfinite(), bad)
    assert_close(found[~bad], clean[~bad])
