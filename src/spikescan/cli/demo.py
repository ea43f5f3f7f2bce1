"""`spikescan demo`: two kinds of neurons on the built-in digits."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spikescan import report
from spikescan.cli._shared import Json, Store, app, guarded


@app.command()
@guarded
def demo(
    out: Annotated[Path, typer.Option(help="Folder of both runs.")] = Path("runs/demo"),
    epochs: Annotated[int | None, typer.Option(help="Passes over the training samples.")] = None,
    seed: Annotated[int, typer.Option(help="Governs every random choice.")] = 0,
    store: Store = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what an earlier demo left.")] = False,
    as_json: Json = False,
) -> None:
    """Train SPSN-GS and LIF on the built-in digits and compare accuracy, seconds an epoch and spikes/ms."""
    from spikescan import demonstration

    result = demonstration.compare(out, epochs=epochs, seed=seed, store=store, overwrite=overwrite, say=report.say)
    if as_json:
        report.show_json(result)
        return
    rows = [
        [
            name,
            report.percent(run["test_accuracy"]),
            report.number(run["seconds_per_epoch"]),
            report.number(run["spikes_per_ms"]),
        ]
        for name, run in result["runs"].items()
    ]
    report.show_table(
        "SPSN-GS against LIF on digits", ["neuron", "test accuracy", "seconds an epoch", "spikes/ms"], rows
    )
    print("\n".join(["Pictures:", *(f"  {path}" for path in result["pictures"])]))
