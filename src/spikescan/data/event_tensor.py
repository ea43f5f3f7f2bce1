"""A batch of events as coordinates: what a network takes before anything dense exists."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import Self

import torch
from torch import Tensor

from spikescan.scan._checks import check_places


class _OnDevices:
    """Moves every tensor of a dataclass at once."""

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Self:
        """The same on `device`."""
        return self._each(lambda part: part.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> Self:
        """The same in page-locked memory, which a GPU can copy from while it computes."""
        return self._each(lambda part: part.pin_memory())

    def _each(self, change) -> Self:
        parts = {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]
        moved = {name: change(part) for name, part in parts.items() if isinstance(part, (Tensor, _OnDevices))}
        return replace(self, **moved)  # type: ignore[type-var]


@dataclass(frozen=True, eq=False)
class EventTensor(_OnDevices):
    """Events (step, row, channel) of a tensor of shape (T, B, C); the same place may occur many times."""

    step: Tensor  # (E,) int32
    row: Tensor  # (E,) int32, rising
    channel: Tensor  # (E,) int32
    shape: tuple[int, int, int]  # (T, B, C)
    value: Tensor | None = None  # (E,) what each event adds; None: 1

    def __len__(self) -> int:
        return len(self.step)

    @property
    def device(self) -> torch.device:
        """Where the coordinates are."""
        return self.step.device

    def flat(self) -> Tensor:
        """Position of each event in the tensor laid out flat, (E,) int64."""
        _, rows, channels = self.shape
        return (self.step.long() * rows + self.row) * channels + self.channel

    def split(self, steps: int) -> list[EventTensor]:
        """The events of each `steps` time steps, as `torch.split` cuts a dense tensor."""
        total, rows, channels = self.shape
        firsts = range(0, total, steps)
        order = torch.argsort(self.step // steps, stable=True)
        bounds = torch.tensor([*firsts, total], device=self.device)
        cuts = torch.searchsorted((self.step[order] // steps) * steps, bounds).tolist()
        parts = (order[start:stop] for start, stop in pairwise(cuts))
        return [
            EventTensor(
                self.step[part] - first,
                self.row[part],
                self.channel[part],
                (min(steps, total - first), rows, channels),
                None if self.value is None else self.value[part],
            )
            for first, part in zip(firsts, parts, strict=True)
        ]

    def dense(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """The tensor of counts (or of summed values), (T, B, C). ValueError: for places outside of it."""
        steps, rows, channels = self.shape
        for size, name in zip(self.shape, ("step", "row", "channel"), strict=True):
            check_places(size, name, getattr(self, name))
        counts = torch.zeros(steps * rows * channels, dtype=dtype, device=self.device)
        ones = torch.ones((), dtype=dtype, device=self.device).expand(len(self))
        counts.index_add_(0, self.flat(), ones if self.value is None else self.value.to(dtype))
        return counts.view(self.shape)


@dataclass(frozen=True, eq=False)
class Batch(_OnDevices):
    """Some samples, ready for a network.

    `events` is an `EventTensor`, or of real-valued data a float tensor (T, B, C); `inputs` is the same. A network takes
    either.
    """

    events: EventTensor | Tensor
    labels: Tensor  # (B,) int64
    lengths: Tensor  # (B,) int64 steps; a row is padding outside its own
    indices: Tensor  # (B,) int64, which samples of the store; by `spikescan.data.batches`, of the `Dataset`

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def inputs(self) -> EventTensor | Tensor:
        """What a network takes: `events` under a name that fits real-valued data as well."""
        return self.events

    def dense(self) -> Tensor:
        """The inputs as a tensor, (T, B, C): counts of events, or the values themselves."""
        return self.events if isinstance(self.events, Tensor) else self.events.dense()
