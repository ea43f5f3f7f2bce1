"""`spikescan bench`: time and memory on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spikescan import report
from spikescan.cli._shared import Device, Json, app, guarded


@app.command()
@guarded
def bench(
    device: Device = None,
    peers: Annotated[
        bool, typer.Option("--peers", help="Measure SpikingJelly and snnTorch too, where installed.")
    ] = False,
    out: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("runs/bench"),
    quick: Annotated[bool, typer.Option("--quick", help="Small sizes: shows that it works, measures nothing.")] = False,
    rows: Annotated[
        list[str] | None, typer.Option("--rows", metavar="NAME", help="One row alone; repeatable. Default: all.")
    ] = None,
    root: Annotated[
        Path | None, typer.Option(help="Recordings in SHD layout for the epoch; default: generated.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what an earlier benchmark left.")] = False,
    as_json: Json = False,
) -> None:
    """Time and memory against plain torch, copies of memory and other packages, as ratios inside one run."""
    from spikescan.bench import run, show, sizes

    chosen = sizes.QUICK if quick else sizes.FULL
    results, whole = run.run(
        device, out, rows=rows or [], peers=peers, root=root, sizes=chosen, overwrite=overwrite, say=report.say
    )
    show.show_json(results) if as_json else show.show(results)
    if not whole:
        raise KeyboardInterrupt
