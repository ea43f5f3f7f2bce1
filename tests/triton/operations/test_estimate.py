"""MPE-PSN by Triton against the reference: values, loss and every gradient."""

from itertools import product

import pytest
import torch
from oracle import SEED, TOLERANCE, cotangents, lengths_of, strided

from spikescan.fused import Estimation, Inputs, estimate_and_fire

CASES = list(product(("previous", "current"), ("drawn", "mean"), ("whole", "padded"), (0, 3)))


def everything(backend, shape, how, drawn, padded, step, device, dtype=torch.float64, potentials=True):
    steps, rows, _ = shape
    x = strided(shape, dtype, device, scale=1.5).requires_grad_()
    carried = strided(shape[1:], dtype, device).requires_grad_()
    threshold = torch.tensor(0.9, dtype=dtype, device=device, requires_grad=True)
    kappa = torch.linspace(0.5, 1.5, steps + step, dtype=dtype, device=device).requires_grad_()
    seed = torch.tensor(SEED, device=device) if drawn == "drawn" else None
    lengths = lengths_of(steps, rows, device) if padded == "padded" else None
    out = estimate_and_fire(
        Inputs(x, carried, seed, torch.tensor(step, device=device), threshold, kappa, lengths),
        Estimation(0.25, how == "previous"),
        backend=backend,
        potentials=potentials,
    )
    cotangents([out.spikes, out.potential, out.carry, 50 * out.loss]).backward()
    return [*out, x.grad, carried.grad, threshold.grad, kappa.grad]


def assert_triton_equals_reference(*arguments, dtype=torch.float64, potentials=True):
    found, expected = (everything(backend, *arguments, dtype, potentials) for backend in ("triton", "reference"))
    for one, other in zip(found, expected, strict=True):
        if other is not None:
            torch.testing.assert_close(one, other, **TOLERANCE[dtype])


@pytest.mark.parametrize(("how", "drawn", "padded", "step"), CASES)
def test_equals_reference(how, drawn, padded, step, device):
    assert_triton_equals_reference((9, 3, 5), how, drawn, padded, step, device)


@pytest.mark.parametrize("how", ["previous", "current"])
@pytest.mark.parametrize("shape", [(1, 2, 3), (2, 1, 1), (20, 2, 4)], ids=str)
def test_other_shapes(shape, how, device):
    assert_triton_equals_reference(shape, how, "drawn", "padded", 3, device)


def test_float32_and_many_lanes(device):
    arguments = (10, 2, 130), "previous", "drawn", "whole", 0, device
    assert_triton_equals_reference(*arguments, dtype=torch.float32, potentials=False)
