"""A NIR graph that grows node by node, and torch's modules as its nodes."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ._nir_neurons import Grid, neuron_nodes, nir


class Chain:
    """Nodes and edges, the next node behind the last one. `shape`: of what the last node gives, without batch."""

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self.nodes: dict[str, Any] = {}
        self.edges: list[tuple[str, str]] = []
        self.last: tuple[str, ...] = ()
        self.shape: tuple[int, ...] = ()

    def add(self, name: str, node: Any, shape: tuple[int, ...]) -> None:
        self.nodes[name] = node
        self.edges += [(before, name) for before in self.last]
        self.last, self.shape = (name,), shape

    def input(self, shape: tuple[int, ...]) -> None:
        self.add("input", nir().Input(input_type={"input": np.array(shape)}), shape)

    def neurons(self, name: str, neuron: nn.Module, layer: str) -> None:
        nodes = neuron_nodes(neuron, self.shape, self.grid, f"{layer} ({type(neuron).__name__})")
        for node, suffix in zip(nodes, ("", "_threshold")):
            self.add(name + suffix, node, self.shape)

    def module(self, name: str, module: nn.Module, layer: str) -> None:
        """A module without time; what does nothing in evaluation is left out."""
        if isinstance(module, nn.Dropout | nn.Identity):
            return
        make = next((MODULES[kind] for kind in MODULES if isinstance(module, kind)), None)
        if make is None:
            raise ValueError(
                f"{layer}: NIR has no node for {type(module).__name__}; export the network as torch or onnx"
            )
        with torch.no_grad():
            shape = tuple(module(torch.zeros(1, *self.shape, dtype=_dtype(module))).shape[1:])
        self.add(name, make(module, self.shape), shape)

    def graph(self, metadata: dict[str, Any]) -> Any:
        self.add("output", nir().Output(output_type={"output": np.array(self.shape)}), self.shape)
        return nir().NIRGraph(nodes=self.nodes, edges=self.edges, metadata=metadata)


def _dtype(module: nn.Module) -> torch.dtype:
    return next((parameter.dtype for parameter in module.parameters()), torch.float32)


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().float().numpy().copy()


def _linear(layer: nn.Linear, _: tuple[int, ...]) -> Any:
    if layer.bias is None:
        return nir().Linear(weight=_array(layer.weight))
    return nir().Affine(weight=_array(layer.weight), bias=_array(layer.bias))


def _conv(layer: nn.Conv2d, shape: tuple[int, ...]) -> Any:
    bias = np.zeros(layer.out_channels, "f4") if layer.bias is None else _array(layer.bias)
    return nir().Conv2d(
        input_shape=shape[1:],
        weight=_array(layer.weight),
        stride=layer.stride,
        padding=layer.padding,
        dilation=layer.dilation,
        groups=layer.groups,
        bias=bias,
    )


def _pool(layer: nn.AvgPool2d, _: tuple[int, ...]) -> Any:
    kernel = np.array([layer.kernel_size] * 2)
    return nir().AvgPool2d(kernel_size=kernel, stride=np.array([layer.stride] * 2), padding=np.zeros(2, int))


def _mean(_: nn.AdaptiveAvgPool2d, shape: tuple[int, ...]) -> Any:
    side = np.array(shape[1:])
    return nir().AvgPool2d(kernel_size=side, stride=side, padding=np.zeros(2, int))


def _flatten(_: nn.Flatten, shape: tuple[int, ...]) -> Any:
    """NIR counts no batch axis."""
    return nir().Flatten(input_type={"input": np.array(shape)}, start_dim=0, end_dim=-1)


MODULES: dict[type[nn.Module], Any] = {
    nn.Linear: _linear,
    nn.Conv2d: _conv,
    nn.AvgPool2d: _pool,
    nn.AdaptiveAvgPool2d: _mean,
    nn.Flatten: _flatten,
}
