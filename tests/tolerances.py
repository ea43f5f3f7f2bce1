"""How close is equal: one table by dtype, for every comparison of results that were computed in another order."""

import torch
from torch import Tensor

TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-4, torch.float16: 2e-3, torch.bfloat16: 1.6e-2}


def assert_close(
    actual: Tensor,
    expected: Tensor,
    what: str = "",
    *,
    dtype: torch.dtype | None = None,
    tolerance: float | None = None,
) -> None:
    """Elementwise, relative to the largest expected value; NaN equals nothing.

    `dtype`: the coarsest that took part, where it is not the actual's.
    """
    assert actual.shape == expected.shape, f"{what}: shape {tuple(actual.shape)}, not {tuple(expected.shape)}"
    if actual.numel() == 0:
        return
    bound = TOLERANCE[dtype or actual.dtype] if tolerance is None else tolerance
    expected = expected.detach().double()
    error = (actual.detach().double() - expected).abs().max().item()
    scale = expected.abs().max().item()
    assert error <= bound * scale, f"{what}: off by {error:.3g}, of values up to {scale:.3g} (bound {bound:g})"
