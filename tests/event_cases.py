"""Events for a linear layer, and what the dense product in float64 makes of them."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.profiler import ProfilerActivity, profile

from spikescan.data.event_tensor import EventTensor
from spikescan.sparse import event_linear

# name: (T, B, C), N, events
CASES = {
    "one of each": ((1, 1, 1), 1, 1),
    "few": ((7, 3, 5), 4, 30),
    "one neuron": ((5, 2, 6), 1, 20),
    "one row": ((60, 1, 5), 8, 90),
    "one step": ((1, 5, 9), 12, 40),
    "empty bins": ((40, 3, 4), 3, 5),
    "no events": ((4, 2, 3), 5, 0),
    "no rows": ((4, 0, 3), 5, 0),
    "repeated": ((2, 1, 2), 6, 50),
    "busy channels": ((9, 4, 2), 7, 700),
    "many neurons": ((4, 2, 5), 130, 25),
}


def events_of(shape: tuple[int, int, int], count: int, valued: bool = False, sign: int = 1) -> EventTensor:
    """Random ones, rows rising and steps in disorder, as augmentation leaves them; values are counts and fractions."""
    random = torch.Generator().manual_seed(count + sum(shape))
    step, row, channel = (torch.randint(size, (count,), generator=random, dtype=torch.int32) for size in map(_1, shape))
    value = torch.randint(1, 9, (count,), generator=random) / 2 * sign if valued else None
    return EventTensor(step, row.sort().values, channel, shape, value)


def _1(size: int) -> int:
    return max(size, 1)


def parameters(events: EventTensor, features: int, dtype: torch.dtype) -> list[Tensor]:
    """Weight, bias, cotangent."""
    random = torch.Generator().manual_seed(4)
    steps, rows, channels = events.shape
    shapes = (features, channels), (features,), (steps, rows, features)
    return [torch.randn(shape, generator=random).to(dtype) for shape in shapes]


def dense_product(events: EventTensor, weight: Tensor, bias: Tensor | None, cotangent: Tensor) -> list[Tensor]:
    """Output, and gradients of weight and bias, in float64."""
    leaves = _leaves(weight.double(), None if bias is None else bias.double())
    out = F.linear(events.dense(torch.float64), *leaves)
    return [out, *torch.autograd.grad(out, [leaf for leaf in leaves if leaf is not None], cotangent.double())]


def gathered(
    events: EventTensor, weight: Tensor, bias: Tensor | None, cotangent: Tensor, backend: str = "auto"
) -> list[Tensor]:
    """The same by `event_linear`."""
    leaves = _leaves(weight, bias)
    parts = events.step, events.row, events.channel, events.value, events.shape
    out = event_linear(*leaves, *parts, backend=backend)
    return [out, *torch.autograd.grad(out, [leaf for leaf in leaves if leaf is not None], cotangent)]


def _leaves(*tensors: Tensor | None) -> list:
    return [None if tensor is None else tensor.detach().requires_grad_() for tensor in tensors]


def largest_allocation(call: Callable[[], object]) -> int:
    """Bytes of the largest tensor that is made meanwhile, inside operators as well."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        call()
    return max(max(event.cpu_memory_usage, event.device_memory_usage) for event in seen.events())
