"""A network as a NIR graph, flat: Input, [Affine or Conv2d, neurons, pools]…, Affine, leaky integrator, Output."""

import json
import math
import os
from collections.abc import Mapping
from typing import Any, cast

from torch import nn

from .. import __version__
from ..networks import ConvNet, ResNet19, SpikingMLP
from ..networks._frames import Stage
from ..networks.resnet import Block
from ._files import whole
from ._nir_chain import Chain
from ._nir_neurons import DISCRETISATIONS, Grid, nir, soft
from ._plain import Network, plain, weight_dtype
from ._sentences import deterministic_forms, shown_frames

OWN = "dt", "discretisation", "spikescan"
"""What our metadata are called."""


def to_nir(
    network: Network,
    path: str | os.PathLike[str],
    *,
    dt: float,
    discretisation: str = "euler",
    metadata: Mapping[str, Any] | None = None,
) -> list[str]:
    """Write `network` as a NIR graph, which computes the same where it is read with this step and discretisation.

    Args:
        network: a `SpikingMLP`, or a convolutional network without max pooling, of SPSN or LIF neurons.
        path: of the file; an older one is replaced.
        dt: seconds of a step. The decay of a step is the network's; time constants are written for this step (readers
            whose own is fixed, as snnTorch's 1e-4, want that one).
        discretisation: how the reader will compute: "euler" (forward Euler: snnTorch, Norse, Spyx), or "exact" (the
            true time constants, for hardware and for readers that integrate exactly).
        metadata: kept beside our own `dt`, `discretisation` and `spikescan` (the version); text and numbers as they
            are, lists and dictionaries as JSON text.
    Returns:
        Sentences to tell the user.
    Raises:
        TypeError, ValueError: a layer has no node; names the layer.
        InputError: the file cannot be written, or nir is not installed.
    """
    if not (isinstance(dt, int | float) and 0 < dt < math.inf):
        raise ValueError(f"dt: a positive number of seconds is needed, found {dt!r}")
    if discretisation not in DISCRETISATIONS:
        raise ValueError(f"discretisation: {discretisation!r} is not {' or '.join(DISCRETISATIONS)}")
    extra = _metadata(metadata)
    twin = plain(network)
    chain = Chain(Grid(float(dt), discretisation, weight_dtype(twin)))
    if isinstance(twin, SpikingMLP):
        _write_mlp(twin, chain)
    elif isinstance(twin, ConvNet) and type(twin).propagate is ConvNet.propagate:
        _write_conv(twin, chain)
    elif type(twin) is ResNet19:
        _write_resnet(twin, chain)
    else:
        raise ValueError(f"network: {type(network).__name__} has no form of a NIR graph; export it as torch or onnx")
    graph = chain.graph({"dt": float(dt), "discretisation": discretisation, "spikescan": __version__, **extra})
    with whole(path, ".nir") as file:
        nir().write(file, graph)
    return deterministic_forms(network) + _soft_resets(network) + _steps(network, float(dt)) + _images(network)


def _metadata(metadata: Mapping[str, Any] | None) -> dict[str, Any]:
    extra = {} if metadata is None else dict(metadata)
    if taken := next((name for name in OWN if name in extra), None):
        raise ValueError(f"metadata: {taken!r} is written by the export itself; choose another name")
    try:
        return {
            name: value if isinstance(value, str | int | float) else json.dumps(value) for name, value in extra.items()
        }
    except TypeError as error:
        raise ValueError(f"metadata: {error}; numbers, text, lists and dictionaries can be kept") from None


def _write_mlp(network: SpikingMLP, chain: Chain) -> None:
    for name, there in (("delays", network.delays is not None), ("residual connections", network.residual)):
        if there:
            raise ValueError(f"network: {name} are not written to NIR; export it as torch or onnx")
    linears = cast(list[nn.Linear], [*network.linears, network.output])
    chain.input((linears[0].in_features,))
    for k, (linear, neuron) in enumerate(zip(linears, network.neurons), 1):
        chain.module(f"affine_{k}", linear, f"layer {k}")
        chain.neurons(f"neurons_{k}", neuron, f"layer {k}")
    chain.module("affine_readout", network.output, "readout")
    if network.readout is not None:
        chain.neurons("readout", network.readout, "readout")


def _write_conv(network: ConvNet, chain: Chain) -> None:
    chain.input((network.sensor[0], *network.size))
    for k, (stage, neuron) in enumerate(zip(network.stages, network.neurons), 1):
        _write_modules(cast(Stage, stage).folded, chain, str(k), f"layer {k}")
        chain.neurons(f"neurons_{k}", neuron, f"layer {k}")
    _vote(cast(nn.Linear, network.output[-1]), network.votes)
    _write_modules(network.output, chain, "readout", "readout")


def _write_modules(modules: nn.Module, chain: Chain, number: str, layer: str) -> None:
    for i, module in enumerate(modules.children()):
        chain.module(f"{type(module).__name__.lower()}_{number}_{i}", module, layer)


def _vote(linear: nn.Linear, votes: int) -> None:
    """The mean over groups of readout neurons, in their weights."""
    linear.weight = nn.Parameter(linear.weight.unflatten(0, (-1, votes)).mean(1))
    linear.bias = nn.Parameter(linear.bias.unflatten(0, (-1, votes)).mean(1))


def _write_resnet(network: ResNet19, chain: Chain) -> None:
    """Edges that meet at a node add up: a block's neurons take the second convolution and the shortcut."""
    neurons = enumerate(network.neurons, 1)

    def fire() -> None:
        k, neuron = next(neurons)
        chain.neurons(f"neurons_{k}", neuron, f"layer {k}")

    def stage(modules: Stage, name: str) -> None:
        _write_modules(modules.folded, chain, name, name)

    chain.input((network.sensor[0], *network.size))
    stage(network.stem, "stem")
    fire()
    for k, block in enumerate(cast(list[Block], network.blocks), 1):
        before, shape = chain.last, chain.shape
        if block.shortcut is not None:
            stage(block.shortcut, f"shortcut{k}")
        here, chain.last, chain.shape = chain.last, before, shape
        stage(block.first, f"block{k}a")
        fire()
        stage(block.second, f"block{k}b")
        chain.last += here
        fire()
    stage(network.hidden, "hidden")
    fire()
    chain.module("affine_readout", network.output, "readout")


def _soft_resets(network: Network) -> list[str]:
    layers = [str(k) for k, neuron in enumerate(network.neurons, 1) if soft(neuron)]
    if not layers:
        return []
    return [
        f"Layer{'s' * (len(layers) > 1)} {', '.join(layers)}: NIR has no soft reset. It is noted in the metadata, "
        "which spikescan reads; other readers reset to 0 and compute otherwise."
    ]


def _steps(network: Network, dt: float) -> list[str]:
    own = {neuron.dt for neuron in network.neurons if hasattr(neuron, "dt")}
    return [
        f"The network's own step is {step:g} s; time constants are written for steps of {dt:g} s, so that the decay "
        "of a step is the same."
        for step in sorted(cast(set[float], own) - {dt})
    ]


def _images(network: Network) -> list[str]:
    sentences = shown_frames(network)
    if not isinstance(network, SpikingMLP) and tuple(network.size) != tuple(network.sensor[1:]):
        size = " x ".join(map(str, network.size))
        sentences.append(f"The graph takes frames of {size} pixels: the network's resizing is left out.")
    return sentences
