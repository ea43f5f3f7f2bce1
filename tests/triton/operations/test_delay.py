"""Delays by Triton against the reference: values and every gradient."""

import pytest
import torch
from oracle import TOLERANCE, cotangents, strided

from spikescan.delays._autograd import filtered, shifted

CASES = {
    "one of each": ((1, 1, 1), 2),
    "no delay": ((20, 2, 5), 1),
    "shorter than the delay": ((3, 2, 3), 9),
    "many steps": ((37, 3, 6), 8),
    "many features": ((6, 2, 130), 5),
    "no rows": ((4, 0, 3), 5),
}


def everything(backend: str, case: str, dtype: torch.dtype, device: str, start: bool, padded: bool):
    shape, taps = CASES[case]
    lengths = (torch.arange(shape[1]) * 7 % (shape[0] + 1)).to(device) if padded else None
    shift = (torch.arange(shape[2]) * 3 % taps).to(device)
    found = []
    for shifts in (False, True):
        x = strided(shape, dtype, device).requires_grad_()
        weights = strided((taps, shape[2]), dtype, device).requires_grad_()
        history = strided((taps - 1, *shape[1:]), dtype, device).contiguous().requires_grad_() if start else None
        if shifts:
            y = shifted(x, shift, history, lengths, taps - 1, backend)
        else:
            y = filtered(x, weights, history, lengths, backend)
        leaves = [leaf for leaf in (x, None if shifts else weights, history) if leaf is not None]
        found += [y, *torch.autograd.grad(cotangents([y]), leaves, allow_unused=True, materialize_grads=True)]
    return found


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("start", "padded"), [(False, False), (True, True)])
def test_equals_reference(case, start, padded, device):
    dtype = torch.float32 if case == "many features" else torch.float64
    found, expected = (everything(name, case, dtype, device, start, padded) for name in ("triton", "reference"))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, **TOLERANCE[dtype])
