"""The same step as `_torch` writes, as an ONNX model."""

import logging
import os
import warnings
from collections.abc import Mapping
from typing import Any

import torch

from ._files import optional, whole
from ._plain import Network
from ._sentences import deterministic_forms, shown_frames
from ._step import NetworkStep
from ._torch import description, program


def to_onnx(network: Network, path: str | os.PathLike[str], *, metadata: Mapping[str, Any] | None = None) -> list[str]:
    """Write one time step, (x (B, inputs), *state) -> (readout (B, classes), *state), for any B, as an ONNX model.

    Inputs are called x and layer1.synapse, layer1.potential, …, readout.potential; outputs readout and, for each of the
    state, its name with .next behind. The state begins as zeros. The model's metadata has `spikescan`, the same JSON
    text as a torch program's description. Arguments, result and errors are those of `to_torch`.
    """
    for package in ("onnx", "onnxscript"):
        optional(package)
    step = NetworkStep(network)
    sentences = deterministic_forms(network) + shown_frames(network)
    text = description(step, metadata, sentences)
    model = _model(step)
    model.model.metadata_props["spikescan"] = text
    with whole(path, ".onnx") as file:
        model.save(file, external_data=False)
    return sentences


def _model(step: NetworkStep) -> torch.onnx.ONNXProgram:
    exporter = logging.getLogger("torch.onnx")
    level = exporter.level
    exporter.setLevel(logging.ERROR)  # it misses operators of packages that nothing here needs
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the exporter, about itself
            model = torch.onnx.export(
                program(step),
                dynamo=True,
                verbose=False,
                input_names=["x", *step.names],
                output_names=["readout", *(f"{name}.next" for name in step.names)],
            )
    finally:
        exporter.setLevel(level)
    assert model is not None
    _name_rows(model)
    return model


def _name_rows(model: torch.onnx.ONNXProgram) -> None:
    """The number of rows is `batch`, instead of the number that the exporter gave its symbol."""
    graph = model.model.graph
    assert graph.inputs[0].shape is not None
    symbol = graph.inputs[0].shape[0]
    values = [*graph.inputs, *graph.outputs, *(value for node in graph for value in node.outputs)]
    for value in values:
        if value.shape is not None and len(value.shape) and value.shape[0] == symbol:
            value.shape = type(value.shape)(["batch", *value.shape[1:]])
