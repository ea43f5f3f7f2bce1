"""The ordinary product of many rows by a small matrix."""

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor
from torch.nn import functional as F

from ..scan._checks import transformed

MANY = 4096
"""Rows from which oneDNN is quicker; see benchmarks/README.md."""
ONEDNN = torch.backends.mkldnn.is_available()
exporting = getattr(torch.compiler, "is_exporting", lambda: False)  # from torch 2.7 on


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`torch.nn.functional.linear`, and its gradients, for many rows as a convolution with a window of one place: torch
    gives these to oneDNN on a CPU, which takes two thirds to nine tenths of the time that MKL takes."""
    operands = (x, weight) if bias is None else (x, weight, bias)
    if not (unwatched() and all(map(plain, operands)) and _worth(x, weight)):
        return F.linear(x, weight, bias)
    places = x.reshape(1, -1, 1, x.shape[-1]).permute(0, 3, 1, 2)  # channels last, as oneDNN likes them
    return F.conv2d(places, weight[..., None, None], bias).permute(0, 2, 3, 1).reshape(*x.shape[:-1], len(weight))


def _worth(x: Tensor, weight: Tensor) -> bool:
    fits = x.dim() > 1 and weight.numel() > 0 and weight.shape[1] == x.shape[-1]  # else an error, which is torch's
    return ONEDNN and fits and x.numel() >= MANY * x.shape[-1]


def plain(x: Tensor) -> bool:
    """float32 in memory; a tensor class of somebody's own knows better what its product is."""
    usual = type(x) in (Tensor, nn.Parameter, FakeTensor)
    return usual and x.device.type == "cpu" and x.dtype == torch.float32 and x.layout == torch.strided


def unwatched() -> bool:
    """Whether nothing is at work that the product is not to be taken from: a graph for any number of rows cannot ask
    for theirs, autocast and torch.func have their own ways."""
    return not (exporting() or torch.is_autocast_enabled("cpu") or transformed())
