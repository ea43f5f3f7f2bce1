"""A NIR graph as a `SpikingMLP`."""

import math
import os
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from ..errors import InputError
from ..networks import SpikingMLP
from ._nir_layers import Layer, Refused, layers
from ._nir_neurons import DISCRETISATIONS, Grid, nir


def from_nir(path: str | os.PathLike[str], *, dt: float | None = None) -> SpikingMLP:
    """The network that a NIR graph describes: Linear or Affine, then LIF, CubaLIF, or LI or CubaLI with a Threshold; …;
    at the end Linear or Affine, and LI or CubaLI if there is one.

    A graph that ends in spiking neurons gets a readout that hands their spikes on. Where nodes scale their input (w_in,
    r), weights and thresholds take that in. Without metadata of ours the graph is read by forward Euler, as snnTorch,
    Norse and Spyx read theirs.

    Args:
        path: of a file that `nir.write` has written.
        dt: seconds of a step; None takes that of the file's metadata.
    Raises:
        InputError: naming the file: it is no NIR graph, or one that is no `SpikingMLP`, and why; or dt is not known.
    """
    path = Path(path)
    graph = _read(path)
    try:
        return _network(layers(_in_order(graph), _grid(graph, dt)))
    except Refused as reason:
        raise InputError(f"{path}: {reason}") from None


def _read(path: Path) -> Any:
    if not path.is_file():
        raise InputError(f"{path}: there is no such file")
    try:
        graph = nir().read(path)
    except InputError:
        raise
    except Exception as error:  # of a file that anybody may have written, nir raises whatever it stumbles over
        reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise InputError(f"{path}: not a NIR graph that nir {nir().version} can read ({reason})") from None
    if not isinstance(graph, nir().NIRGraph):
        raise InputError(f"{path}: holds a single {type(graph).__name__} node, where a graph is needed")
    return graph


def _grid(graph: Any, dt: float | None) -> Grid:
    metadata = graph.metadata or {}
    step = metadata.get("dt") if dt is None else dt
    if step is None:
        raise Refused(
            "the graph does not say how long a step is; give dt, in seconds (snnTorch and SpikingJelly write for 1e-4, "
            "Norse for 1e-3)"
        )
    step = _number(step)
    if not 0 < step < math.inf:
        raise Refused(f"dt: a positive number of seconds is needed, found {step}")
    discretisation = metadata.get("discretisation", "euler")
    if discretisation not in DISCRETISATIONS:
        raise Refused(f"discretisation: {discretisation!r} is not {' or '.join(DISCRETISATIONS)}")
    return Grid(step, str(discretisation))


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise Refused(f"dt: a number of seconds is needed, found {value!r}") from None


def _in_order(graph: Any) -> list[tuple[str, Any]]:
    """The nodes from Input to Output, where each has one before it and one behind."""
    after: dict[str, list[str]] = {name: [] for name in graph.nodes}
    before: dict[str, int] = dict.fromkeys(graph.nodes, 0)
    for source, target in graph.edges:
        after[source].append(target)
        before[target] += 1
    inputs = [name for name, node in graph.nodes.items() if isinstance(node, nir().Input)]
    if len(inputs) != 1:
        raise Refused(f"one Input is needed, found {len(inputs)}")
    order = [inputs[0]]
    while after[order[-1]]:
        name, following = order[-1], after[order[-1]]
        if len(following) > 1 or before[following[0]] > 1 or following[0] in order:
            raise Refused(
                f"node {name!r}: its edges branch, meet or return; a SpikingMLP has one layer after another, without "
                "lateral or skipping connections"
            )
        order.append(following[0])
    if not isinstance(graph.nodes[order[-1]], nir().Output):
        raise Refused(f"node {order[-1]!r}: nothing follows, where a path from Input to Output is needed")
    unused = sorted(set(graph.nodes) - set(order))
    if unused:
        raise Refused(f"node {unused[0]!r}: lies on no path from Input to Output")
    return [(name, graph.nodes[name]) for name in order[1:-1]]


def _network(found: list[Layer]) -> SpikingMLP:
    if found[-1].spikes:  # which a readout of weights 1 hands on
        size = len(found[-1].weight)
        found = [*found, Layer(np.eye(size), np.zeros(size), None, spikes=False)]
    for before, layer in pairwise(found):
        if layer.weight.shape[1] != before.weight.shape[0]:
            raise Refused(f"a layer of {before.weight.shape[0]} neurons precedes one of {layer.weight.shape[1]} inputs")
    *hidden, last = found
    neurons = iter([cast(nn.Module, layer.neuron) for layer in hidden])
    network = SpikingMLP(
        found[0].weight.shape[1],
        [len(layer.weight) for layer in hidden],
        len(last.weight),
        neuron=cast(Any, neurons.__next__),
        readout=None if last.neuron is None else cast(Any, lambda: last.neuron),
    )
    with torch.no_grad():
        for linear, layer in zip([*network.linears, network.output], found):
            linear = cast(nn.Linear, linear)
            linear.weight.copy_(torch.from_numpy(layer.weight))
            linear.bias.copy_(torch.from_numpy(layer.bias))
    return network
