"""A network as an export needs it: a copy for evaluation, of plain torch layers, with the norms folded into them."""

import copy
from typing import Any, TypeVar, cast

import torch
from torch import nn

from ..fused import Dynamics
from ..networks import EventLinear, FrameNetwork, SpikeLinear, SpikingMLP
from ..networks._frames import Stage
from ..networks._norm import SequenceNorm
from ..neurons._integrating import IntegratingNeuron
from ..neurons._leaky import LeakyNeuron

Network = SpikingMLP | FrameNetwork
PARTS = "delays", "linears", "norms", "neurons", "dropout", "output", "readout"
LINEAR = nn.Linear, EventLinear, SpikeLinear
KNOWN = "firing", "reset", "detach_reset", "leaky_gain", "deterministic", "half", "learned"
"""What an export knows of `Dynamics`."""
Weighted = TypeVar("Weighted", nn.Linear, nn.Conv2d)


def plain(network: Network) -> Network:
    """The same function in evaluation, on the CPU.

    Raises:
        TypeError: `network` is none of ours.
        ValueError: its weights are in half precision.
    """
    if not computes_as(network, SpikingMLP, FrameNetwork):
        raise TypeError(
            "network: a SpikingMLP or a convolutional network of spikescan is needed, whose `run` is theirs, "
            f"found {type(network).__name__}"
        )
    if isinstance(network, SpikingMLP):
        _refuse_additions(network)
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


def computes_as(module: nn.Module, *classes: Any) -> bool:
    """Whether `module` is of one of the classes and runs as that does: a subclass may compute something else."""
    return any(isinstance(module, kind) and getattr(type(module), "run", None) is kind.run for kind in classes)


def is_integrating(neuron: nn.Module, kind: type[IntegratingNeuron] = LeakyNeuron) -> bool:
    """Whether `neuron` is of that kind, with nothing but what `KNOWN` says of how it fires and resets."""
    if not isinstance(neuron, kind) or not computes_as(neuron, kind):
        return False
    how = neuron.dynamics
    return how == Dynamics(**{name: getattr(how, name) for name in KNOWN})


def _refuse_additions(network: SpikingMLP) -> None:
    """What stands between the layers would be lost without a word."""
    added = {name for name, _ in network.named_children()} - set(PARTS)
    layers = [type(layer) for layer in (*network.linears, network.output) if type(layer) not in LINEAR]
    if added or layers:
        found = ", ".join([*sorted(added), *(layer.__name__ for layer in layers)])
        raise ValueError(f"network: an export knows no {found}; a SpikingMLP of plain linear layers is needed")


def weight_dtype(network: Network) -> torch.dtype:
    return next(module.weight.dtype for module in network.modules() if isinstance(module, nn.Linear | nn.Conv2d))


def _fold_mlp(twin: SpikingMLP) -> None:
    linears = [_linear(cast(nn.Linear, linear)) for linear in twin.linears]
    if twin.norms is not None:
        linears = [fold(linear, cast(SequenceNorm, norm)) for linear, norm in zip(linears, twin.norms)]
    twin.linears = nn.ModuleList(linears)
    twin.norms, twin.output = None, _linear(twin.output)


def _linear(layer: nn.Linear) -> nn.Linear:
    """The ordinary one, without the operators of EventLinear and SpikeLinear."""
    ordinary = nn.Linear(layer.in_features, layer.out_features, layer.bias is not None, device="meta")  # draws nothing
    ordinary.load_state_dict(layer.state_dict(), assign=True)
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
