"""Batch normalisation that padding does not enter."""

from collections.abc import Callable

import torch
from torch import Tensor, nn


def valid_rows(x: Tensor, lengths: Tensor) -> Tensor | None:
    """Where the steps of (T, B, ...) that are no padding lie in (T·B, ...), int64. None where a graph is made, which
    has no room for a number that depends on values, and on a GPU, which would have to be waited for."""
    if torch.compiler.is_compiling() or torch.jit.is_tracing() or x.device.type != "cpu":
        return None
    return (torch.arange(x.shape[0], device=x.device)[:, None] < lengths).flatten().nonzero().squeeze(1)


def of_rows(f: Callable[[Tensor], Tensor], x: Tensor, valid: Tensor) -> Tensor:
    """f of the `valid` rows of (T, B, ...), 0 in the others."""
    rows = f(x.flatten(0, 1).index_select(0, valid))
    out = rows.new_zeros((x.shape[0] * x.shape[1], *rows.shape[1:])).index_copy(0, valid, rows)
    return out.view(*x.shape[:2], *rows.shape[1:])


class SequenceNorm(nn.Module):
    """Batch normalisation of (T, B, N, ...) over all axes but N, as BatchNorm is over (T·B, N, ...), padding left out.

    What comes out in padded steps is masked later: it is 0 or something finite. Parameters and buffers have BatchNorm's
    names.
    """

    def __init__(self, features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight, self.bias = nn.Parameter(torch.ones(features)), nn.Parameter(torch.zeros(features))
        self.running_mean: Tensor
        self.running_var: Tensor
        self.register_buffer("running_mean", torch.zeros(features))
        self.register_buffer("running_var", torch.ones(features))

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        if lengths is None or not self.training:
            return self.plain(x.flatten(0, 1)).view(x.shape)
        valid = valid_rows(x, lengths)
        if valid is None or len(valid) * x.shape[3:].numel() < 2:
            return self._masked(x, lengths)
        return of_rows(self.plain, x, valid)

    def plain(self, rows: Tensor) -> Tensor:
        """(M, N, ...), normalised over all axes but N."""
        statistics = self.running_mean.detach(), self.running_var.detach()
        return nn.functional.batch_norm(
            rows, *statistics, self.weight, self.bias, self.training, self.momentum, self.eps
        )

    def _masked(self, x: Tensor, lengths: Tensor) -> Tensor:
        axes = [axis for axis in range(x.dim()) if axis != 2]
        valid = (torch.arange(x.shape[0], device=x.device)[:, None] < lengths).view(
            x.shape[0], -1, *(1,) * (x.dim() - 2)
        )
        count = (lengths.clamp(max=x.shape[0]).sum() * x.shape[3:].numel()).clamp_min(1)
        dtype, x = x.dtype, x.to(torch.promote_types(x.dtype, torch.float32))  # half precision has no room for the sums
        mean = torch.where(valid, x, 0).sum(axes) / count
        along = (-1, *(1,) * (x.dim() - 3))
        variance = torch.where(valid, x - mean.view(along), 0).square().sum(axes) / count
        with torch.no_grad():
            self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
            unbiased = variance * (count / (count - 1).clamp_min(1))
            self.running_var.lerp_(unbiased.to(self.running_var.dtype), self.momentum)
        scale = torch.rsqrt(variance + self.eps) * self.weight
        return torch.addcmul((self.bias - mean * scale).view(along), x, scale.view(along)).to(dtype)
