"""The event-driven layer by Triton: the dense product of the same events, in values and gradients."""

import pytest
import torch
from event_cases import CASES, dense_product, events_of, gathered, largest_allocation, parameters
from tolerances import assert_close

from spikescan.sparse import _triton

WHAT = "output", "gradient of the weight", "gradient of the bias"
each_case = pytest.mark.parametrize("case", CASES)


@pytest.fixture
def small_shares(monkeypatch):
    monkeypatch.setattr(_triton, "SHARE", 16)


def assert_equals_dense(shape, features, count, dtype, device, valued=False, bias=True):
    events = events_of(shape, count, valued)
    operands = parameters(events, features, dtype)
    operands[1] = operands[1] if bias else None
    expected = dense_product(events, *operands)
    there = [None if operand is None else operand.to(device) for operand in operands]
    found = gathered(events.to(device), *there, backend="triton")
    for what, one, other in zip(WHAT, found, expected):
        assert one.dtype == dtype
        assert_close(one.cpu(), other, what, dtype=dtype)


@each_case
def test_equals_the_dense_product(case, device, small_shares):
    assert_equals_dense(*CASES[case], torch.float32, device)


@each_case
def test_values_are_multiplied(case, device, small_shares):
    assert_equals_dense(*CASES[case], torch.float64, device, valued=True)


@pytest.mark.parametrize("valued", [False, True])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("case", ["few", "busy channels", "many neurons"])
def test_half_precision_is_summed_in_float32(case, dtype, valued, device):
    assert_equals_dense(*CASES[case], dtype, device, valued=valued)


def test_counts_that_half_precision_cannot_hold(device):
    """2049 events of weight 1 in a bin: a sum in float16 stays at 2048, one in bfloat16 at 256."""
    events = events_of((1, 1, 1), 2049)
    for dtype in (torch.float16, torch.bfloat16):
        one, none = torch.ones(1, 1, dtype=dtype, device=device), torch.zeros(1, 1, 1, dtype=dtype, device=device)
        out, grad = gathered(events.to(device), one, None, none + 1, backend="triton")
        expected = torch.tensor(2049.0).to(dtype)
        assert out.item() == grad.item() == expected.item() >= 2048


def test_no_bias(device, small_shares):
    assert_equals_dense(*CASES["few"], torch.float32, device, bias=False)


@pytest.mark.parametrize("case", ["few", "repeated"])
def test_the_same_every_time(case, device, small_shares):
    shape, features, count = CASES[case]
    events = events_of(shape, count)
    operands = [operand.to(device) for operand in parameters(events, features, torch.float32)]
    first, again = (gathered(events.to(device), *operands, backend="triton") for _ in range(2))
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))


def test_what_is_not_finite_shows(device):
    events = events_of((3, 2, 4), 10)
    weight, bias, cotangent = (operand.to(device) for operand in parameters(events, 5, torch.float32))
    channel = int(events.channel[0])
    weight[2, channel] = float("nan")
    out, *_ = gathered(events.to(device), weight, bias, cotangent, backend="triton")
    hit = events.dense()[..., channel] > 0
    assert out[..., 2].isnan().cpu().equal(hit)
    assert out[..., [0, 1, 3, 4]].isfinite().all()


def test_nothing_as_large_as_events_times_neurons(device):
    events, features = events_of((4, 4, 3), 3000), 64
    operands = [operand.to(device) for operand in parameters(events, features, torch.float32)]
    moved, forbidden = events.to(device), 3000 * features * 4
    assert largest_allocation(lambda: gathered(moved, *operands, backend="triton")) < forbidden
    assert largest_allocation(lambda: gathered(moved, *operands, backend="reference")) >= forbidden
