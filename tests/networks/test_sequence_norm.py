"""Batch normalisation that padding does not enter, against nn.BatchNorm1d on the valid steps."""

import pytest
import torch
from helpers import name
from tolerances import assert_close
from torch import nn

from spikescan.networks._norm import SequenceNorm

LENGTHS = torch.tensor([20, 7, 0, 13])


def pair(features: int = 5) -> tuple[SequenceNorm, nn.BatchNorm1d]:
    ours, torchs = SequenceNorm(features), nn.BatchNorm1d(features)
    with torch.no_grad():
        for a, b in zip(ours.parameters(), torchs.parameters(), strict=True):
            b.copy_(a.normal_())
    return ours, torchs


def test_statistics_and_gradients_are_those_of_the_valid_steps():
    ours, torchs = pair()
    x = torch.randn(20, 4, 5) * 2 + 1
    valid = torch.arange(20)[:, None] < LENGTHS
    x[~valid] = 1e4
    x.requires_grad_()
    for _ in range(3):
        found = ours(x, LENGTHS)[valid]
        expected = torchs(x[valid])
    assert_close(found, expected)
    assert_close(ours.running_mean, torchs.running_mean)
    assert_close(ours.running_var, torchs.running_var)
    cotangent = torch.randn_like(found)
    gradients = [
        torch.autograd.grad(out, [x, *module.parameters()], cotangent)
        for out, module in ((found, ours), (expected, torchs))
    ]
    for a, b in zip(*gradients, strict=True):
        assert_close(a, b)
    assert_close(ours.eval()(x.detach(), LENGTHS)[valid], torchs.eval()(x.detach()[valid]))


@pytest.mark.parametrize("training", [True, False])
def test_without_lengths(training):
    ours, torchs = pair()
    x = torch.randn(20, 4, 5)
    assert_close(ours.train(training)(x).flatten(0, 1), torchs.train(training)(x.flatten(0, 1)))
    assert_close(ours.running_var, torchs.running_var)
    assert_close(ours(x, torch.full((4,), 20)), ours(x))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=name)
def test_half_precision_is_summed_in_float32(dtype):
    """Of 80 000 values up to 8: their sum is beyond float16, their number beyond bfloat16's digits."""
    ours, torchs = pair()
    x = (torch.rand(2000, 40, 5) * 8).to(dtype)
    lengths = torch.full((40,), 2000)
    lengths[0] = 1000
    valid = torch.arange(2000)[:, None] < lengths
    found = ours(x, lengths)
    assert found.dtype == dtype
    assert_close(found[valid], torchs(x[valid].float()), dtype=dtype)
    assert_close(ours.running_mean, torchs.running_mean)
    assert_close(ours.running_var, torchs.running_var)


def test_nothing_valid():
    ours, _ = pair()
    out = ours(torch.randn(5, 2, 5), torch.zeros(2, dtype=torch.int64))
    assert out.isfinite().all()
    assert ours.running_mean.isfinite().all()
