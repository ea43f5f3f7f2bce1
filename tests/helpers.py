"""Inputs that the core's tests share."""

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

STEPS = 1, 2, 63, 64, 65, 300
DTYPES = torch.float64, torch.float32, torch.float16, torch.bfloat16


def name(value) -> str:
    """A short id for a dtype."""
    return str(value).removeprefix("torch.")


def strided(x: Tensor) -> Tensor:
    """The same values, in memory that is contiguous along no axis of more than one."""
    shape = [2 * size for size in reversed(x.shape)]
    out = x.new_full(shape, 7.0)[tuple(slice(1, None, 2) for _ in shape)].permute(tuple(reversed(range(x.dim()))))
    with torch.no_grad():
        out.copy_(x)
    return out


def leaf(x: Tensor) -> Tensor:
    """Strided, and with a gradient of its own."""
    return strided(x.detach()).requires_grad_()


class Seen(TorchDispatchMode):
    """Looks on, and notes the names of our operators."""

    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.namespace == "spikescan":
            self.names.append(func.name())
        return func(*args, **(kwargs or {}))
