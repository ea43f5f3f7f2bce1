"""Optimisers and learning-rate schedules by name. A schedule is stepped after every batch."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn
from torch.nn import Parameter
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR

from spikescan.delays.schedule import delays_of

Schedule = Callable[[Optimizer, float, int, int], LRScheduler]


def _sgd(parameters: Iterable[Parameter], lr: float, weight_decay: float) -> Optimizer:
    return torch.optim.SGD(parameters, lr=lr, momentum=0.9, weight_decay=weight_decay)


OPTIMISERS: dict[str, Callable[..., Optimizer]] = {
    "adamax": torch.optim.Adamax,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": _sgd,
}


def groups(network: nn.Module, delay_lr: float) -> list[dict[str, Any]]:
    """The parameters, and apart from them those of delays, which are in steps and not in weights."""
    delays = [module.delay for module in delays_of(network)]
    places = {id(delay) for delay in delays}
    found: list[dict[str, Any]] = [{"params": [value for value in network.parameters() if id(value) not in places]}]
    return [*found, {"params": delays, "lr": delay_lr, "weight_decay": 0.0}] if delays else found


def _constant(optimiser: Optimizer, lr: float, batches: int, epochs: int) -> LRScheduler:
    return LambdaLR(optimiser, lambda step: 1.0)


def _one_cycle(optimiser: Optimizer, lr: float, batches: int, epochs: int) -> LRScheduler:
    return OneCycleLR(optimiser, max_lr=[group["lr"] for group in optimiser.param_groups], total_steps=batches * epochs)


def _cosine(optimiser: Optimizer, lr: float, batches: int, epochs: int) -> LRScheduler:
    """Half a cosine down to zero, in one stair an epoch, as the MPE-PSN experiments do it."""
    return LambdaLR(optimiser, lambda step: 0.5 * (1 + math.cos(math.pi * (step // batches) / epochs)))


SCHEDULES: dict[str, Schedule] = {"constant": _constant, "one-cycle": _one_cycle, "cosine": _cosine}
