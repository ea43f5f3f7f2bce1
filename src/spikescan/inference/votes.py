"""Class scores of a readout that arrives step by step: the modes of `training.losses.readout`, carried."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Votes:
    """What has been seen so far of the readout (T, classes); float64, so that a long sum does not stand still."""

    mode: str
    steps: int = 0
    value: Tensor | None = None  # (classes,) sum, maximum, last potential or sum of softmaxes

    def with_steps(self, readout: Tensor) -> Votes:
        """The same with further steps (n, classes), n ≥ 1."""
        potential = readout.double()
        if self.mode == "last":
            value = potential[-1]
        elif self.mode == "max":
            seen = potential.amax(0)
            value = seen if self.value is None else torch.maximum(self.value, seen)
        else:
            seen = (readout.softmax(-1).double() if self.mode == "softmax-sum" else potential).sum(0)
            value = seen if self.value is None else self.value + seen
        return replace(self, steps=self.steps + len(readout), value=value)

    def scores(self) -> Tensor:
        """(classes,) as `readout` gives them for the whole sequence."""
        assert self.value is not None
        return (self.value / self.steps if self.mode == "mean" else self.value).float()
