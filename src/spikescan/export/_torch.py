"""One time step as a torch.export program: ATen operators only, so that it loads where spikescan is not installed."""

import json
import os
import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch.export import Dim, ExportedProgram

from .. import __version__
from ._files import whole
from ._plain import Network
from ._sentences import deterministic_forms, shown_frames
from ._step import NetworkStep

DESCRIPTION = "spikescan.json"
"""The file in the program's archive that says what its inputs and outputs are."""


def to_torch(network: Network, path: str | os.PathLike[str], *, metadata: Mapping[str, Any] | None = None) -> list[str]:
    """Write one time step, (x (B, inputs), *state) -> (readout (B, classes), *state), for any B.

    `torch.export.load` reads it. The archive's `spikescan.json` names and sizes the state, which begins as zeros.

    Args:
        network: a `SpikingMLP`, or a convolutional network (x is then (B, P, H, W)).
        path: of the file; an older one is replaced.
        metadata: what JSON can hold, kept in the description as it is.
    Returns:
        Sentences to tell the user.
    Raises:
        TypeError, ValueError: the network, or one of its layers, cannot be exported.
        InputError: the file cannot be written.
    """
    step = NetworkStep(network)
    sentences = deterministic_forms(network) + shown_frames(network)
    text = description(step, metadata, sentences)
    exported = program(step)
    with whole(path, ".pt2") as file:
        torch.export.save(exported, file, extra_files={DESCRIPTION: text})
    return sentences


def program(step: NetworkStep) -> ExportedProgram:
    """The step's graph of ATen operators, for any number of rows."""
    example = (torch.zeros(2, *step.input, dtype=step.dtype), *step.rest(2))
    rows = {0: Dim("batch", min=1)}
    shapes = {"x": rows, "state": tuple(rows for _ in step.names)}
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch's own, of how it copies its graphs
        exported = torch.export.export(step, example, dynamic_shapes=shapes).run_decompositions()
    _refuse_foreign_operators(exported)
    return exported


def _refuse_foreign_operators(exported: ExportedProgram) -> None:
    for node in exported.graph.nodes:
        target = node.target
        if isinstance(target, torch._ops.OpOverload) and target.namespace != "aten":
            raise ValueError(
                f"network: {target.name()} is not an operator of torch; a custom firing function is exported only "
                "where it is made of torch operations"
            )


def description(step: NetworkStep, metadata: Mapping[str, Any] | None, sentences: list[str]) -> str:
    """JSON: the step's inputs and outputs in order, with the shape of one sample, and the user's metadata."""
    metadata = {} if metadata is None else dict(metadata)
    try:
        return json.dumps(
            {
                "spikescan": __version__,
                "dtype": str(step.dtype).removeprefix("torch."),
                "input": list(step.input),
                "state": [{"name": name, "shape": list(shape)} for name, shape in zip(step.names, step.shapes)],
                "notes": sentences,
                "metadata": metadata,
            },
            ensure_ascii=False,
        )
    except TypeError as error:
        raise ValueError(f"metadata: {error}; numbers, text, lists and dictionaries can be kept") from None
