"""Filter and shift of every backend: torch's convolution in float64, in values and gradients."""

import pytest
import torch
from delay_cases import CASES, by_filter, by_shift, convolved, operands_of, with_gradients
from native_jobs import threads
from tolerances import assert_close
from torch.nn import functional as F

from spikescan.delays._autograd import filtered, shifted

WHAT = "output", "gradient of x", "gradient of the taps", "gradient of the history"
each_backend = pytest.mark.parametrize("backend", ["reference", "native"])
each_dtype = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
each_start = pytest.mark.parametrize(("history", "padded"), [(False, False), (True, False), (True, True)])


@each_backend
@each_dtype
@each_start
@pytest.mark.parametrize("case", CASES)
def test_a_filter_is_a_depthwise_convolution(case, history, padded, dtype, backend):
    x, taps, before, lengths, _ = operands_of(case, dtype, history, padded)
    expected = with_gradients(lambda *some: convolved(*some, lengths), x, taps, before)
    for what, found, one in zip(WHAT, by_filter(backend, x, taps, before, lengths), expected, strict=False):
        assert found.dtype == dtype
        assert_close(found, one, what, dtype=dtype, floor=0.1 if "taps" in what else 1e-2)


@each_backend
@each_dtype
@each_start
@pytest.mark.parametrize("case", CASES)
def test_a_shift_is_a_filter_of_one_tap(case, history, padded, dtype, backend):
    x, taps, before, lengths, shift = operands_of(case, dtype, history, padded)
    one = F.one_hot(shift, len(taps)).t().to(dtype)
    expected = by_filter("reference", x, one, before, lengths)
    del expected[2]  # of the taps
    for found, other in zip(by_shift(backend, x, shift, len(taps) - 1, before, lengths), expected, strict=True):
        assert torch.equal(found, other)


@each_backend
def test_gradcheck(backend):
    x, taps, history, lengths, shift = operands_of("shorter than the delay", torch.float64, True, True)
    leaves = [value.requires_grad_() for value in (x, taps, history)]
    assert torch.autograd.gradcheck(lambda *some: filtered(*some, lengths, backend), leaves)
    assert torch.autograd.gradcheck(lambda x, h: shifted(x, shift, h, lengths, 8, backend), [x, history])
    assert torch.autograd.gradgradcheck(lambda x, h: shifted(x, shift, h, lengths, 8, backend), [x, history])


@pytest.mark.parametrize("case", ["a tap more", "many rows", "many features", "past the caches"])
def test_one_thread_and_two_give_the_same_bits(case):
    x, taps, history, lengths, shift = operands_of(case, torch.float32, True, True)
    found = []
    for count in (1, 2):
        with threads(count):
            found.append(by_filter("native", x, taps, history, lengths))
            found[-1] += by_shift("native", x, shift, len(taps) - 1, history, lengths)
    assert all(torch.equal(one, two) for one, two in zip(*found, strict=True))


@each_backend
def test_what_is_not_finite_is_carried_and_nothing_else_is(backend):
    x, taps, _, _, shift = operands_of("a whole tile", torch.float32, False, False)
    x[3, 1, 5], x[60, 0, 2] = torch.nan, torch.inf
    y = filtered(x, taps, None, None, backend)
    bad = torch.zeros_like(x, dtype=torch.bool)
    bad[3 : 3 + 25, 1, 5] = True
    bad[60:, 0, 2] = True
    assert torch.equal(~y.isfinite(), bad)
    y = shifted(x, shift, None, None, 24, backend)
    assert int((~y.isfinite()).sum()) == 1 + int(60 + shift[2] < 64)
    assert y[3 + shift[5], 1, 5].isnan()


@each_backend
def test_padding_that_is_not_finite_enters_nothing(backend):
    x, taps, _, lengths, shift = operands_of("many rows", torch.float64, False, True)
    x[torch.arange(len(x))[:, None] >= lengths] = torch.nan
    for found in (by_filter(backend, x, taps, None, lengths), by_shift(backend, x, shift, 11, None, lengths)):
        assert all(value.isfinite().all() for value in found)


@each_backend
def test_a_shift_outside_of_the_taps_is_refused(backend):
    for wrong in (-1, 25):
        with pytest.raises(ValueError, match=r"^delay: places 0 to 24 are there"):
            shifted(torch.randn(4, 1, 2), torch.tensor([wrong, 3]), None, None, 24, backend)


def test_a_filter_differentiated_twice_says_what_to_do():
    x, taps = torch.randn(6, 2, 5, requires_grad=True), torch.rand(3, 5)
    (grad,) = torch.autograd.grad(filtered(x, taps, None, None, "native").square().sum(), x, create_graph=True)
    with pytest.raises(NotImplementedError, match="backend='reference'"):
        torch.autograd.grad(grad.sum(), x)
