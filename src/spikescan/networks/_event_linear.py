"""The first layer of a network that is fed from an event store."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from ..binary import linear
from ..sparse import event_linear


class Events(Protocol):
    """Events of a tensor of shape (T, B, C), as `spikescan.data.EventTensor` has them."""

    @property
    def step(self) -> Tensor: ...
    @property
    def row(self) -> Tensor: ...
    @property
    def channel(self) -> Tensor: ...
    @property
    def value(self) -> Tensor | None: ...
    @property
    def shape(self) -> tuple[int, int, int]: ...

    def dense(self, dtype: torch.dtype = torch.float32) -> Tensor: ...

    def split(self, steps: int) -> "Sequence[Events]": ...


DENSE_FROM = 0.25
"""Events a place from which the dense product is taken; on a CPU they break even at 0.3 (see benchmarks/README.md)."""


class EventLinear(nn.Linear):
    """`nn.Linear` that also takes events: it gathers the weight rows of the channels that have one.

    A dense tensor goes through the ordinary product. So do events where they fill more than a quarter of the
    places (where the two break even on a CPU; on a GPU it was not measured), or their values need a gradient: there
    alone is the dense tensor made. Where it is not, a weight that is not finite counts only where its channel has an
    event.
    Autocast casts the weights as it does those of `nn.Linear`; in half precision sums are taken in float32.
    """

    def forward(self, input: Tensor | Events) -> Tensor:
        if isinstance(input, Tensor):
            return linear(as_floats(input, self.weight.dtype), self.weight, self.bias)
        if not hasattr(input, "step"):
            raise TypeError(
                "x: a tensor (T, B, channels) or an EventTensor is needed, found "
                f"{type(input).__name__}; torch.as_tensor(x) makes a tensor of an array"
            )
        steps, rows, channels = input.shape
        learned = input.value is not None and input.value.requires_grad and torch.is_grad_enabled()
        if learned or len(input.step) > DENSE_FROM * steps * rows * channels:
            return linear(input.dense(self.weight.dtype), self.weight, self.bias)
        weight, bias = _as_autocast(self.weight), None if self.bias is None else _as_autocast(self.bias)
        return event_linear(weight, bias, input.step, input.row, input.channel, input.value, input.shape)


def as_floats(x: Tensor, dtype: torch.dtype) -> Tensor:
    """Dense and floating point: counts that are integers or bools, and sparse tensors, become `dtype`."""
    x = x.to_dense() if x.layout != torch.strided else x
    return x if x.is_floating_point() else x.to(dtype)


def _as_autocast(parameter: Tensor) -> Tensor:
    device = parameter.device.type
    if parameter.dtype == torch.float64 or not torch.is_autocast_enabled(device):
        return parameter
    return parameter.to(torch.get_autocast_dtype(device))
