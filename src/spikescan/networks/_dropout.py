"""Dropout from the generator of the neurons: the same masks in chunks as over the whole sequence."""

from torch import Tensor, nn

from ..random import uniform
from ..types import Seed


class SequenceDropout(nn.Module):
    """Drops each value of (T, B, N) with probability `p`, independently, and scales the others by 1/(1 - p); in
    training alone. The mask of (step, row, feature) is a function of seed and step."""

    def __init__(self, p: float) -> None:
        super().__init__()
        if not 0 <= p < 1:
            raise ValueError(f"dropout: a probability in [0, 1) is needed, found {p}")
        self.p = p

    def forward(self, x: Tensor, seed: Seed, step: int | Tensor = 0) -> Tensor:
        """step: of the whole sequence, at which `x` begins."""
        if not self.training or self.p == 0:
            return x
        mask = uniform(tuple(x.shape), seed=seed, step=step, device=x.device).ge_(self.p).mul_(1 / (1 - self.p))
        return x * mask.to(x.dtype)

    def extra_repr(self) -> str:
        return f"p={self.p}"
