"""`spikescan bench`: time and memory on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spikescan import report
from spikescan.cli import STOPPED
from spikescan.cli._shared import RESULTS, Device, Json, answer_ctrl_c, command


@command(stopped="the same command starts again")
def bench(
    device: Device = None,
    peers: Annotated[
        bool, typer.Option("--peers", help="Also measure SpikingJelly and snnTorch, if installed.")
    ] = False,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the results.", rich_help_panel=RESULTS)] = Path(
        "runs/bench"
    ),
    quick: Annotated[bool, typer.Option("--quick", help="Smoke test; timings are not meaningful.")] = False,
    rows: Annotated[
        list[str] | None,
        typer.Option("--rows", metavar="NAME", help="Measure this row only; may be repeated. Default: all."),
    ] = None,
    root: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Recordings in the SHD layout for the training epoch; default: generated ones."
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the results of an earlier benchmark.", rich_help_panel=RESULTS)
    ] = False,
    as_json: Json = False,
) -> None:
    """Measure time and memory on this machine.

    Ratios within one run: against plain PyTorch, memory copies and, with --peers, other packages. The folder (--out)
    then holds bench.csv and bench.json, written after every row, and the pictures map.png and rows.png.
    """
    from spikescan.bench import run, show, sizes

    answer_ctrl_c()

    chosen = sizes.QUICK if quick else sizes.FULL
    results, whole = run.run(
        device, out, rows=rows or [], peers=peers, root=root, sizes=chosen, overwrite=overwrite, say=report.say
    )
    show.show_json(results) if as_json else show.show(results)
    if not whole:
        report.say("spikescan: stopped; the same command with --overwrite measures all rows again")
        raise typer.Exit(STOPPED)
