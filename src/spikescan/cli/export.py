"""`spikescan export` and `spikescan import`: a trained network to other tools, and one of theirs here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from spikescan import report
from spikescan.cli._shared import RESULTS, Json, Run, answer_ctrl_c, command
from spikescan.errors import InputError


@command("export")
def export_run(
    run: Run,
    kind: Annotated[Literal["nir", "onnx", "torch"], typer.Option("--format", help="Format of the file.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The file to write.", rich_help_panel=RESULTS)],
    discretisation: Annotated[
        Literal["euler", "exact"],
        typer.Option(
            help="For nir: euler gives forward-Euler simulators the same numbers, exact the true time constants."
        ),
    ] = "euler",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing file.", rich_help_panel=RESULTS)
    ] = False,
    as_json: Json = False,
) -> None:
    """Export the trained network of RUN.

    As a NIR graph (nir), or one time step of it with the state as input and output: as ONNX (onnx) or as a torch.export
    program that loads without spikescan (torch). Stochastic neurons are exported in their deterministic form.
    """
    if out.exists() and not overwrite:
        raise InputError(f"{out}: exists; --overwrite replaces it")
    from spikescan import export
    from spikescan.inference import load

    answer_ctrl_c()

    model = load(run, device="cpu")
    metadata = {"class_names": list(model.class_names), "data": model.facts.name, "pool": model.recipe.data.pool}
    if kind == "nir":
        said = export.to_nir(
            model.network, out, dt=model.recipe.data.step, discretisation=discretisation, metadata=metadata
        )
    else:
        write = export.to_onnx if kind == "onnx" else export.to_torch
        said = write(model.network, out, metadata=metadata | {"dt": model.recipe.data.step})
    for sentence in said:
        report.say(sentence)
    report.show_json({"run": str(run), "format": kind, "file": str(out), "notes": said}) if as_json else print(out)


@command("import")
def import_graph(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A NIR graph, for instance network.nir.")],
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="The file of weights to write (safetensors).", rich_help_panel=RESULTS)
    ],
    dt: Annotated[
        float | None, typer.Option(metavar="S", help="Seconds per time step, if the graph does not say.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing file.", rich_help_panel=RESULTS)
    ] = False,
) -> None:
    """Import a NIR graph as a spikescan network.

    Shows its layers and writes its weights to --out.
    In Python, `spikescan.export.from_nir(FILE)` gives the network itself.
    """
    if out.exists() and not overwrite:
        raise InputError(f"{out}: exists; --overwrite replaces it")
    from safetensors.torch import save

    from spikescan import export
    from spikescan.training.files import write_atomic

    network = export.from_nir(file, dt=dt)
    write_atomic(out, save({name: tensor.contiguous() for name, tensor in network.state_dict().items()}))
    report.say(str(network))
    print(out)
