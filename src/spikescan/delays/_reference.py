"""The definition: y[t] = Σ_k taps[k] x[t-k], and x[t - shift]; the steps before x[0] are `history`, or 0 where it is
None. Steps from lengths[b] on are padding: they enter nothing, and y is 0 there."""

import torch
from torch import Tensor


def filtered(x: Tensor, taps: Tensor, history: Tensor | None, lengths: Tensor | None) -> Tensor:
    """x (T, B, N), taps (D, N), history (D - 1, B, N), lengths (B,) -> y (T, B, N)."""
    x = without_padding(x, lengths)
    before, steps = len(taps) - 1, len(x)
    joined = torch.cat([x.new_zeros((before, *x.shape[1:])) if history is None else history, x])
    y = torch.zeros_like(x)
    for k, tap in enumerate(taps):
        y = y + tap * joined[before - k : before - k + steps]
    return without_padding(y, lengths)


def shifted(x: Tensor, shift: Tensor, reach: int, history: Tensor | None, lengths: Tensor | None) -> Tensor:
    """The same for taps that are 1 at k = shift[n] and 0 elsewhere; shift (N,) int64, at most `reach` = D - 1."""
    joined = torch.cat([x.new_zeros((reach, *x.shape[1:])) if history is None else history, x])
    source = torch.arange(len(x), device=x.device)[:, None] + (reach - shift)
    return without_padding(joined.gather(0, source[:, None].expand(x.shape)), lengths)


def without_padding(x: Tensor, lengths: Tensor | None) -> Tensor:
    if lengths is None:
        return x
    return x.masked_fill((torch.arange(len(x), device=x.device)[:, None] >= lengths)[..., None], 0)
