"""The scan as a convolution with a^t in Fourier form (SPSN eq. 12), zero-padded to at least 2T - 1.

Its rounding error is relative to the largest value of the whole sequence, not to each value. After an infinity all is
NaN.
"""

import torch
from torch import Tensor


def linear_scan(x: Tensor, decay: Tensor, initial: Tensor | None, reverse: bool) -> Tensor:
    """Same signature as the reference."""
    if not x.numel():
        return torch.empty_like(x)
    steps = len(x)
    powers = decay ** torch.arange(steps, device=x.device, dtype=x.dtype).view(-1, 1, 1)  # (T, 1, N)
    size = 1 << (2 * steps - 1).bit_length()
    x = x.flip(0) if reverse else x
    faults = x.detach() - x.detach()  # NaN where x is not finite, else 0
    x = torch.where(faults == 0, x, 0)  # a transform would carry it to the steps before as well
    spectrum = torch.fft.rfft(x, size, dim=0) * torch.fft.rfft(powers, size, dim=0)
    v = torch.fft.irfft(spectrum, size, dim=0)[:steps] + faults.cumsum(0)
    if initial is not None:
        v = v + powers * decay * initial
    return v.flip(0) if reverse else v.contiguous()
