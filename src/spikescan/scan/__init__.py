"""HOW: v[t] = a v[t-1] + x[t], one function with several bodies (README.md derives it and its adjoint)."""

from torch import Tensor

from . import _reference
from ._autograd import scan_op
from ._checks import (
    accumulate_dtype,
    check_current,
    check_decay,
    check_device,
    over_features,
    refuse_transforms,
)
from ._select import resolve, storage

__all__ = ["linear_scan"]


def linear_scan(
    x: Tensor,
    decay: complex | Tensor,
    initial: Tensor | None = None,
    reverse: bool = False,
    backend: str = "auto",
) -> Tensor:
    """v[t] = decay · v[t-1] + x[t] over the first axis, from v[-1] = `initial` (0 if None).

    Args:
        x: floating point (T, B, *features), T >= 1. Half precision is accumulated in float32.
        decay: in [0, 1], dimensionless; a number or a tensor that broadcasts over the features; may require gradients.
            A complex one, of absolute value at most 1, makes v complex: complex128 for a float64 x, else complex64.
        initial: (B, *features), or None for zeros.
        reverse: run from the last step to the first: v[t] = decay · v[t+1] + x[t], v[T] = `initial`.
        backend: auto, reference, fft, native or triton.
    Returns:
        v, of the shape of x, and of its dtype unless the decay is complex. Differentiable in x, decay and initial.
    Raises:
        ValueError, TypeError: naming the argument.
        NotImplementedError: for forward-mode derivatives and torch.func.grad, which the reference alone has.
    Source: SPSN (Yarga and Wood, 2023), eq. 8-12.
    """
    check_current(x, "x")
    dtype, name = accumulate_dtype(x), resolve(backend, x.device, x.dtype)
    rate = over_features(check_decay(decay, x), x, "decay")
    turning = rate.is_complex()
    dtype = dtype.to_complex() if turning else dtype
    flat, rate = x.to(dtype if turning else storage(name, x.dtype, dtype)), rate.to(dtype)
    flat = flat.flatten(2) if x.dim() > 2 else flat.unsqueeze(-1)
    if initial is not None:
        if not isinstance(initial, Tensor):
            raise TypeError(f"initial: a tensor is needed, found {type(initial).__name__}")
        if initial.shape != x.shape[1:]:
            raise ValueError(f"initial: shape {tuple(x.shape[1:])} is needed, found {tuple(initial.shape)}")
        check_device(initial, x, "initial")
        initial = initial.to(dtype).reshape(flat.shape[1:]).contiguous()
    if name == "reference":
        v = _reference.linear_scan(flat, rate, initial, reverse)
    else:
        refuse_transforms("linear_scan", flat, rate, initial)
        v = scan_op(flat.contiguous(), rate, initial, bool(reverse), name)
    return v.view(x.shape) if turning else v.view(x.shape).to(x.dtype)
