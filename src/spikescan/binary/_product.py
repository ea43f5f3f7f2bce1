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
    """`torch.nn.functional.linear`, and its gradients, for many rows as a convolution with a window of one place: with
    more than one thread torch gives these to oneDNN on a CPU, which takes two thirds to nine tenths of the time that
    MKL takes."""
    operands = (x, weight) if bias is None else (x, weight, bias)
    if not (unwatched() and all(map(plain, operands)) and _fits(x, weight, bias) and _worth(x, weight)):
        return F.linear(x, weight, bias)
    places = x.reshape(1, -1, 1, x.shape[-1]).permute(0, 3, 1, 2)  # channels last, as oneDNN likes them
    return F.conv2d(places, weight[..., None, None], bias).permute(0, 2, 3, 1).reshape(*x.shape[:-1], len(weight))


def _fits(x: Tensor, weight: Tensor, bias: Tensor | None) -> bool:
    """Else it is an error, which is torch's, or a product that no convolution is."""
    fits = x.dim() > 1 and weight.dim() == 2 and weight.numel() > 0 and weight.shape[1] == x.shape[-1]
    return fits and (bias is None or bias.shape == weight.shape[:1])


def _worth(x: Tensor, weight: Tensor) -> bool:
    """One thread would get no oneDNN (who compiles cannot ask for their number), and a convolution keeps its input also
    where the weight does not learn."""
    idle = x.requires_grad and torch.is_grad_enabled() and not weight.requires_grad
    served = ONEDNN and (torch.compiler.is_compiling() or torch.get_num_threads() > 1)
    return served and not idle and x.numel() >= MANY * x.shape[-1]


def plain(x: Tensor) -> bool:
    """float32 in memory; a tensor class of somebody's own knows better what its product is."""
    usual = type(x) in (Tensor, nn.Parameter, FakeTensor)
    return usual and x.device.type == "cpu" and x.dtype == torch.float32 and x.layout == torch.strided


def unwatched() -> bool:
    """Whether nothing is at work that the product is not to be taken from: a graph for any number of rows cannot ask
    for theirs, autocast and torch.func have their own ways."""
    return not (exporting() or torch.is_autocast_enabled("cpu") or transformed())
