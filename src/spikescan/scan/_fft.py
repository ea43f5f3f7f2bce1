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
    powers = decay ** torch.arange(len(x), device=x.device, dtype=x.dtype.to_real()).view(-1, 1, 1)  # (T, 1, N)
    v = convolve(x.flip(0) if reverse else x, powers)
    if initial is not None:
        v = v + powers * decay * initial
    return v.flip(0) if reverse else v.contiguous()


def convolve(x: Tensor, response: Tensor) -> Tensor:
    """Σ_k response[k] x[t - k]: x (T, B, N) and response (T, 1, N) of one dtype, real or complex."""
    steps, size = len(x), 1 << (2 * len(x) - 1).bit_length()
    faults = x.detach() - x.detach()  # NaN where x is not finite, else 0
    x = torch.where(faults == 0, x, 0)  # a transform would carry it to the steps before as well
    if x.is_complex():
        spectrum = torch.fft.fft(x, size, dim=0) * torch.fft.fft(response, size, dim=0)
        return torch.fft.ifft(spectrum, size, dim=0)[:steps] + faults.cumsum(0)
    spectrum = torch.fft.rfft(x, size, dim=0) * torch.fft.rfft(response, size, dim=0)
    return torch.fft.irfft(spectrum, size, dim=0)[:steps] + faults.cumsum(0)
