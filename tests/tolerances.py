"""How close is equal: one table by dtype, for every comparison of results that were computed in another order."""

import torch
from torch import Tensor

TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-4, torch.float16: 2e-3, torch.bfloat16: 1.6e-2}
FLOOR = 1e-2
"""Of the largest value: what is smaller is a difference of larger numbers, and has their rounding."""


def assert_close(
    actual: Tensor,
    expected: Tensor,
    what: str = "",
    *,
    dtype: torch.dtype | None = None,
    tolerance: float | None = None,
    floor: float = FLOOR,
) -> None:
    """Elementwise, relative to each expected value; NaN equals nothing.

    `dtype`: the coarsest that took part, where it is not the actual's.
    """
    assert actual.shape == expected.shape, f"{what}: shape {tuple(actual.shape)}, not {tuple(expected.shape)}"
    if actual.numel() == 0:
        return
    bound = TOLERANCE[dtype or actual.dtype] if tolerance is None else tolerance
    actual, expected = actual.detach().double(), expected.detach().double()
    size = expected.abs()
    allowed = bound * size.clamp_min(floor * size.max())
    error = (actual - expected).abs()
    if (error <= allowed).all():
        return
    worst = int((error - allowed).nan_to_num(torch.inf).argmax())
    raise AssertionError(
        f"{what}: {actual.flatten()[worst]:.9g}, not {expected.flatten()[worst]:.9g}, at flat index {worst}; "
        f"{int((~(error <= allowed)).sum())} of {error.numel()} are off by more than {bound:g} "
        f"(of at least {floor:g} of the largest, {size.max():.3g})"
    )
