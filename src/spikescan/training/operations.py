"""Synaptic operations, counted where they happen: at the input of every convolution and Linear layer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Operations:
    """Additions so far: each event, and each value that is not 0, times the neurons that it reaches."""

    def __init__(self) -> None:
        self.input, self.hidden = (torch.zeros((), dtype=torch.float64) for _ in range(2))

    def each(self, samples: int) -> dict[str, float]:
        """Of one sample, in the first layer and in those behind it."""
        first, later = (float(total) / max(samples, 1) for total in (self.input, self.hidden))
        return {"input": first, "hidden": later, "total": first + later}


@contextmanager
def counted(network: nn.Module) -> Iterator[Operations]:
    """Count what ``network`` does meanwhile. The first layer is the first of its modules."""
    operations = Operations()
    layers = [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]

    def count(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        name = "input" if module is layers[0] else "hidden"
        setattr(operations, name, getattr(operations, name) + _reached(module, inputs[0]).cpu())

    hooks = [layer.register_forward_pre_hook(count) for layer in layers]
    try:
        yield operations
    finally:
        for hook in hooks:
            hook.remove()


def _reached(module: nn.Module, x: Any) -> Tensor:
    if isinstance(module, nn.Linear):
        active = torch.count_nonzero(x) if isinstance(x, Tensor) else torch.tensor(len(x))
        return active.double() * module.out_features
    assert isinstance(module, nn.Conv2d)
    active = (x != 0).sum(1, keepdim=True).float()  # (N, 1, H, W); borders reach fewer neurons
    ones = active.new_ones(1, 1, *module.kernel_size)
    reached = F.conv2d(active, ones, None, module.stride, module.padding, module.dilation)
    return reached.sum(dtype=torch.float64) * (module.out_channels // module.groups)
