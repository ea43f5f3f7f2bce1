"""MPE-PSN by Triton against the reference: values, loss and every gradient."""

from itertools import product

import pytest
import torch
from oracle import SEED, TOLERANCE, cotangents, lengths_of, strided

from spikescan.fused import estimate_and_fire

CASES = list(product(("previous", "current"), ("drawn", "mean"), ("whole", "padded"), (0, 3)))


def everything(backend, shape, how, drawn, padded, step, device, dtype=torch.float64, potentials=True):
    steps, rows, _ = shape
    previous = how == "previous"
    x = strided(shape, dtype, device, scale=1.5).requires_grad_()
    carried = strided(shape[1:], dtype, device).contiguous().requires_grad_()
    threshold = torch.tensor(0.9, dtype=dtype, device=device, requires_grad=True)
    kappa = torch.linspace(0.5, 1.5, steps + step, dtype=dtype, device=device).requires_grad_()
    out = estimate_and_fire(
        x,
        carried,
        torch.tensor(SEED, device=device) if drawn == "drawn" else None,
        torch.tensor(step, device=device),
        threshold,
        kappa,
        lengths_of(steps, rows, device) if padded == "padded" else None,
        decay=0.25,
        previous=previous,
        potentials=potentials,
        backend=backend,
    )
    cotangents([out.spikes, out.potential, out.carry, 50 * out.loss]).backward()
    return [*out, x.grad, carried.grad, threshold.grad, kappa.grad]


@pytest.mark.parametrize(("how", "drawn", "padded", "step"), CASES)
@pytest.mark.parametrize("shape", [(1, 2, 3), (9, 3, 5), (20, 2, 4)], ids=str)
def test_equals_reference(shape, how, drawn, padded, step, device):
    arguments = shape, how, drawn, padded, step, device
    for found, expected in zip(everything("triton", *arguments), everything("reference", *arguments), strict=True):
        torch.testing.assert_close(found, expected, **TOLERANCE[torch.float64])


@pytest.mark.parametrize("shape", [(2, 1, 1), (17, 2, 130)], ids=str)
def test_float32_and_many_lanes(shape, device):
    arguments = shape, "previous", "drawn", "whole", 0, device, torch.float32, False
    for found, expected in zip(everything("triton", *arguments), everything("reference", *arguments), strict=True):
        if expected is not None:
            torch.testing.assert_close(found, expected, **TOLERANCE[torch.float32])
