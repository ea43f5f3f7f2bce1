"""What every operation asks of its arguments, said once; errors name the argument."""

import math
from numbers import Real

import torch
from torch import Tensor
from torch._C._functorch import (
    get_unwrapped,
    is_functorch_wrapped_tensor,
    is_gradtrackingtensor,
    peek_interpreter_stack,
)
from torch.autograd import forward_ad


def check_current(current: Tensor, name: str = "current") -> None:
    if not isinstance(current, Tensor):
        raise TypeError(f"{name}: a tensor is needed, found {type(current).__name__}")
    if not current.is_floating_point():
        raise TypeError(f"{name}: a floating-point tensor is needed, found {current.dtype}")
    if current.dim() < 2:
        raise ValueError(f"{name}: (T, B, *features) is needed, found shape {tuple(current.shape)}")
    if current.shape[0] < 1:
        raise ValueError(f"{name}: at least one time step is needed, found shape {tuple(current.shape)}")


def refuse_transforms(what: str, *values: Tensor | None, other: str = "backend='reference'") -> None:
    """Raise where forward-mode derivatives or torch.func's gradients would enter an operator of ours.

    Torch knows one backward formula for each and nothing else: forward mode would give zero without a word.
    `other` is what offers them. Asked before an operator, where torch.func's wrappers are seen, and inside it, where
    compiled code arrives.
    """
    forward = forward_ad._current_level >= 0
    if torch.compiler.is_compiling():
        refused = forward  # a tangent cannot be looked at while a graph is traced
    elif transformed():
        refused = any((forward and _has_tangent(x)) or _is_transformed(x) for x in values if x is not None)
    else:
        return
    if refused:
        raise NotImplementedError(
            f"{what}: reverse mode alone is offered here (.backward(), torch.autograd.grad); for forward-mode "
            f"derivatives, torch.func.grad and what is built on them take {other}"
        )


def transformed() -> bool:
    """Whether forward-mode derivatives or torch.func are at work."""
    return forward_ad._current_level >= 0 or (
        not torch.compiler.is_compiling() and peek_interpreter_stack() is not None
    )


def needs_gradient(*values: Tensor | None) -> bool:
    """Whether one of these takes part in a graph. Inside torch.func.vmap a tensor says no of itself; the one that it
    stands for knows."""
    return torch.is_grad_enabled() and any(value is not None and _in_graph(value) for value in values)


def _in_graph(value: Tensor) -> bool:
    while not value.requires_grad and transformed() and is_functorch_wrapped_tensor(value):
        value = get_unwrapped(value)
    return value.requires_grad


def _has_tangent(value: Tensor) -> bool:
    return forward_ad.unpack_dual(value).tangent is not None


def _is_transformed(value: Tensor) -> bool:
    while is_functorch_wrapped_tensor(value):
        if is_gradtrackingtensor(value):
            return True
        value = get_unwrapped(value)
    return False


def check_device(value: Tensor, current: Tensor, name: str) -> None:
    if value.device != current.device:
        raise ValueError(f"{name}: is on {value.device}, the current on {current.device}")


def accumulate_dtype(current: Tensor) -> torch.dtype:
    """float64 for float64, else float32: a scan never accumulates in half precision."""
    return torch.float64 if current.dtype == torch.float64 else torch.float32


def check_number(value: object, name: str) -> None:
    if not (isinstance(value, Real) or (isinstance(value, Tensor) and value.dim() == 0)):
        raise TypeError(f"{name}: a number is needed, found {type(value).__name__}")


def check_share(value: float, name: str) -> None:
    check_number(value, name)
    if not 0 <= value <= 1:
        raise ValueError(f"{name}: a number in [0, 1] is needed, found {value}")


def check_finite(value: float, name: str) -> None:
    check_number(value, name)
    if not math.isfinite(value):
        raise ValueError(f"{name}: a finite number is needed, found {value}")


def check_decay(decay: complex | Tensor, current: Tensor, name: str = "decay") -> Tensor:
    """`decay` as a float64 or complex128 tensor on the current's device. Values of a tensor are checked on the CPU
    only, where it costs no wait."""
    if isinstance(decay, complex):
        decay = torch.full((), decay, dtype=torch.complex128, device=current.device)
    if not isinstance(decay, Tensor):
        check_share(decay, name)
        return torch.full((), decay, dtype=torch.float64, device=current.device)
    check_device(decay, current, name)
    if not torch.compiler.is_compiling() and decay.device.type == "cpu" and decay.numel():
        sizes = decay.detach()
        low, high = torch.aminmax(sizes.abs() if decay.is_complex() else sizes)
        if not (low >= 0 and high <= 1):  # also catches NaN
            what = "absolute values" if decay.is_complex() else "values"
            raise ValueError(f"{name}: {what} in [0, 1] are needed, found {low.item()} to {high.item()}")
    return decay.to(torch.complex128 if decay.is_complex() else torch.float64)


def over_features(value: Tensor, current: Tensor, name: str) -> Tensor:
    """Broadcast a per-feature value over the current's features and flatten it: (N,), contiguous."""
    check_device(value, current, name)
    features = current.shape[2:]
    try:
        return value.expand(features).reshape(features.numel()).contiguous()
    except RuntimeError:
        raise ValueError(
            f"{name}: shape {tuple(value.shape)} does not broadcast over the features {tuple(features)}"
        ) from None


def one_or_each(value: Tensor, current: Tensor, name: str) -> Tensor:
    """The same, but a single number stays one, 0-d: spreading it takes as long as a small kernel."""
    if value.dim() == 0:
        check_device(value, current, name)
        return value
    return over_features(value, current, name)


def check_places(size: int, name: str, place: Tensor) -> None:
    """Whether all of them are 0 to size - 1; looked at on the CPU only, where it costs no wait, and not in a trace."""
    if not torch.compiler.is_compiling() and place.device.type == "cpu" and len(place):
        low, high = (int(value) for value in torch.aminmax(place))
        if low < 0 or high >= size:
            raise ValueError(f"{name}: places 0 to {size - 1} are there, found {low} to {high}")


def check_lengths(lengths: Tensor | None, current: Tensor) -> Tensor | None:
    if lengths is None:
        return None
    if not isinstance(lengths, Tensor):
        raise TypeError(f"lengths: an int64 tensor is needed, found {type(lengths).__name__}")
    if lengths.shape != current.shape[1:2] or lengths.dtype != torch.int64:
        raise ValueError(
            f"lengths: int64 of shape ({current.shape[1]},) is needed, found {lengths.dtype} {tuple(lengths.shape)}"
        )
    if not torch.compiler.is_compiling() and lengths.device.type == "cpu" and lengths.numel():
        low, high = (int(value) for value in torch.aminmax(lengths))
        if low < 0 or high > len(current):
            raise ValueError(f"lengths: 0 to {len(current)} steps are there, found {low} to {high}")
    return lengths.to(current.device).contiguous()
