"""`spikescan demo`: two kinds of neurons on the built-in digits."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spikescan import report
from spikescan.cli._shared import RESULTS, Json, Store, answer_ctrl_c, command


@command(stopped="the same command with --overwrite starts again")
def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of both runs.", rich_help_panel=RESULTS)] = Path(
        "runs/demo"
    ),
    epochs: Annotated[
        int | None, typer.Option(metavar="N", help="Passes over the training set; default: the recipe's.")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of every random choice.")] = 0,
    store: Store = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the results of an earlier demo.", rich_help_panel=RESULTS)
    ] = False,
    as_json: Json = False,
) -> None:
    """Train SPSN-GS and LIF on the built-in digits and compare them.

    Accuracy, seconds per epoch and spikes per ms side by side. The folder (--out) then holds the two runs, spsn-gs/ and
    lif/ (see `spikescan train --help`), and comparison.png.
    """
    from spikescan import demonstration

    answer_ctrl_c()

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
        "SPSN-GS against LIF on digits", ["neuron", "test accuracy", "seconds per epoch", "spikes/ms"], rows
    )
    print("\n".join(["Pictures:", *(f"  {path}" for path in result["pictures"])]))
