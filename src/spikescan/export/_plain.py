"""A network as an export needs it: a copy for evaluation, of plain torch layers, with the norms folded into them."""

import copy
from typing import TypeVar, cast

import torch
from torch import nn

from ..networks import FrameNetwork, SpikingMLP
from ..networks._frames import Stage
from ..networks._norm import SequenceNorm

Network = SpikingMLP | FrameNetwork
Weighted = TypeVar("Weighted", nn.Linear, nn.Conv2d)


def plain(network: Network) -> Network:
    """The same function in evaluation, on the CPU.

    Raises:
        TypeError: `network` is none of ours.
        ValueError: its weights are in half precision.
    """
    if not isinstance(network, Network):
        raise TypeError(
            f"network: a SpikingMLP or a convolutional network of spikescan is needed, found {type(network).__name__}"
        )
    dtype = weight_dtype(network)
    if dtype not in (torch.float32, torch.float64):
        raise ValueError(f"network: weights in float32 or float64 are needed, found {dtype}; export network.float()")
    twin = copy.deepcopy(network).cpu().eval().requires_grad_(False)
    if isinstance(twin, SpikingMLP):
        _fold_mlp(twin)
    else:
        for stage in twin.modules():
            if isinstance(stage, Stage) and stage.norm is not None:
                stage.folded[-1] = fold(cast(nn.Conv2d, stage.folded[-1]), stage.norm)
                stage.norm = None
    return twin


def weight_dtype(network: Network) -> torch.dtype:
    return next(module.weight.dtype for module in network.modules() if isinstance(module, nn.Linear))


def _fold_mlp(twin: SpikingMLP) -> None:
    linears = [_linear(cast(nn.Linear, linear)) for linear in twin.linears]
    if twin.norms is not None:
        linears = [fold(linear, cast(SequenceNorm, norm)) for linear, norm in zip(linears, twin.norms)]
    twin.linears = nn.ModuleList(linears)
    twin.norms, twin.output = None, _linear(twin.output)


def _linear(layer: nn.Linear) -> nn.Linear:
    """The ordinary one, without the operators of EventLinear and SpikeLinear."""
    ordinary = nn.Linear(layer.in_features, layer.out_features, layer.bias is not None, dtype=layer.weight.dtype)
    ordinary.load_state_dict(layer.state_dict())
    return ordinary.requires_grad_(False)


def fold(layer: Weighted, norm: SequenceNorm) -> Weighted:
    """norm(layer(x)), as statistics of the training set have it, in one layer with a bias; computed in float64.

    γ·(W x + b - μ)/√(σ² + ε) + δ = (s W) x + (s (b - μ) + δ),  s = γ/√(σ² + ε).
    """
    scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    before = torch.zeros_like(scale) if layer.bias is None else layer.bias.double()
    weight = layer.weight.double() * scale.view(-1, *(1,) * (layer.weight.dim() - 1))
    bias = (before - norm.running_mean.double()) * scale + norm.bias.double()
    dtype = layer.weight.dtype
    folded = copy.deepcopy(layer)
    folded.weight = nn.Parameter(weight.to(dtype), requires_grad=False)
    folded.bias = nn.Parameter(bias.to(dtype), requires_grad=False)
    return folded
