"""Batch normalisation that padding does not enter."""

import torch
from torch import Tensor, nn


class SequenceNorm(nn.BatchNorm1d):
    """`nn.BatchNorm1d` over the features of (T, B, N), with statistics over time and batch, padding left out.

    Padded steps are normalised as well (they are masked later); only the statistics do without them.
    """

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        if lengths is None or not self.training:
            return super().forward(x.flatten(0, 1)).view(x.shape)
        valid = (torch.arange(len(x), device=x.device)[:, None] < lengths)[..., None].to(x.dtype)
        count = lengths.clamp(max=len(x)).sum().clamp_min(1)
        mean = (x * valid).sum((0, 1)) / count
        variance = ((x - mean).square() * valid).sum((0, 1)) / count
        self._track(mean.detach(), variance.detach(), count)
        scale = torch.rsqrt(variance + self.eps) * self.weight
        return torch.addcmul(self.bias - mean * scale, x, scale)

    def _track(self, mean: Tensor, variance: Tensor, count: Tensor) -> None:
        unbiased = variance * (count / (count - 1).clamp_min(1))
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
        self.running_var.lerp_(unbiased.to(self.running_var.dtype), self.momentum)
        self.num_batches_tracked.add_(1)
