"""The linear scan by Triton against the reference: values and every gradient."""

import pytest
import torch
from oracle import TOLERANCE, cotangents, strided

import spikescan as ss


def scanned(backend: str, shape: tuple[int, int, int], dtype: torch.dtype, device: str, reverse: bool, start: bool):
    x = strided(shape, dtype, device).requires_grad_()
    decay = torch.linspace(1, 0.2, shape[2], dtype=dtype, device=device).requires_grad_()
    initial = strided(shape[1:], dtype, device).requires_grad_() if start else None
    v = ss.linear_scan(x, decay, initial, reverse, backend)
    cotangents([v]).backward()
    return [v, x.grad, decay.grad] + ([initial.grad] if start else [])


def assert_same(found, expected, dtype):
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, **TOLERANCE[dtype])


@pytest.mark.parametrize("steps", [1, 2, 63, 64, 65, 130])
@pytest.mark.parametrize("reverse", [False, True])
def test_equals_reference(steps, reverse, device):
    dtype = torch.float32 if steps == 65 else torch.float64
    arguments = (steps, 3, 5), dtype, device, reverse, steps % 2 == 0
    assert_same(scanned("triton", *arguments), scanned("reference", *arguments), dtype)


@pytest.mark.parametrize("shape", [(66, 1, 1), (66, 2, 130), (3, 1, 513)])
def test_few_and_many_lanes(shape, device):
    arguments = shape, torch.float64, device, False, True
    assert_same(scanned("triton", *arguments), scanned("reference", *arguments), torch.float64)


@pytest.mark.parametrize("reverse", [False, True])
def test_many_chunks(reverse, device, short_chunks):
    arguments = (75, 2, 3), torch.float64, device, reverse, True
    assert_same(scanned("triton", *arguments), scanned("reference", *arguments), torch.float64)


def test_decays_0_and_1(device, short_chunks):
    x = strided((40, 2, 2), torch.float64, device)
    v = ss.linear_scan(x, torch.tensor([0.0, 1.0], dtype=torch.float64, device=device), backend="triton")
    torch.testing.assert_close(v[..., 0], x[..., 0])
    torch.testing.assert_close(v[..., 1].cpu(), x[..., 1].cpu().cumsum(0))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_currents(dtype, device):
    x = strided((20, 2, 5), torch.float32, device, scale=1.0).to(dtype)
    found, expected = (ss.linear_scan(x, 0.95, backend=backend) for backend in ("triton", "reference"))
    assert found.dtype == dtype
    torch.testing.assert_close(found, expected)


def test_no_lanes(device):
    assert ss.linear_scan(torch.zeros(5, 0, 3, device=device), 0.5, backend="triton").shape == (5, 0, 3)
