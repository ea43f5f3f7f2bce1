"""MPE-PSN: both variants, native against the reference, forward, L_mem and every gradient."""

import pytest
import torch
from agreement import assert_agree
from helpers import STEPS, name

import spikescan as ss

each_estimate = pytest.mark.parametrize("estimate", ["previous", "current"])
each_mode = pytest.mark.parametrize("deterministic", [False, True])


def neuron(steps: int | None, estimate: str, **options) -> ss.MPEPSN:
    made = ss.MPEPSN(steps, estimate=estimate, threshold=0.8, **options)
    if made.kappa is not None:
        with torch.no_grad():
            made.kappa.copy_(torch.rand_like(made.kappa) + 0.5)
    return made


@each_estimate
@each_mode
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=name)
@pytest.mark.parametrize("steps", STEPS)
def test_lengths_of_time(estimate, deterministic, dtype, steps):
    without_loss = estimate == "current" and steps == 1  # κ has steps - 1 values
    tested = neuron(None if without_loss else steps, estimate, deterministic=deterministic)
    spikes = assert_agree(tested, torch.randn(steps, 1, 3, dtype=dtype))
    assert steps < 60 or 0.05 < spikes.mean() < 0.5


@each_estimate
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=name)
def test_half_precision(estimate, dtype):
    assert_agree(neuron(16, estimate), torch.randn(16, 2, 5).to(dtype))


@each_estimate
@each_mode
@pytest.mark.parametrize(("rows", "count"), [(0, 5), (1, 1), (7, 1), (2, 3), (1, 128), (2, 300), (3, 0)])
def test_shapes(estimate, deterministic, rows, count):
    assert_agree(neuron(None, estimate, deterministic=deterministic), torch.randn(6, rows, count))
    assert_agree(neuron(6, estimate), torch.randn(6, rows, min(count, 20)))


@each_estimate
def test_images(estimate):
    assert_agree(neuron(4, estimate), torch.randn(4, 2, 3, 5, 2))


@each_estimate
@each_mode
@pytest.mark.parametrize("steps", [None, 12])
def test_padding(estimate, deterministic, steps):
    lengths = torch.tensor([0, 1, 11, 12, 5])
    tested = neuron(steps, estimate, deterministic=deterministic)
    spikes = assert_agree(tested, torch.randn(12, 5, 6), lengths=lengths, start=steps is None)
    assert all(not spikes[length:, row].any() for row, length in enumerate(lengths))
    assert spikes.any()


@each_estimate
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_finite_shows(estimate, value):
    """Everywhere that it does in the reference, in gradients as well."""
    found = []
    for backend in ("reference", "native"):
        x = torch.zeros(3, 1, 20)
        x[1, 0, 5] = value
        out = neuron(3, estimate, backend=backend).run(x.requires_grad_(), seed=1, potentials=True)
        (grad,) = torch.autograd.grad(out.estimation_loss + out.spikes.sum() + out.potential.sum(), x)
        found.append([result.isnan() for result in (out.spikes, out.potential, grad)])
    assert found[0][2].any()
    for expected, one in zip(*found, strict=True):
        assert torch.equal(one, expected)
