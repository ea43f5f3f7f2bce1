"""`spikescan reproduce`: the tables and figures of the papers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spikescan import report
from spikescan.cli._shared import Device, Json, Store, app, guarded
from spikescan.errors import InputError


@app.command()
@guarded
def reproduce(
    name: Annotated[str | None, typer.Argument(help="A table or figure; --list shows them.")] = None,
    listing: Annotated[bool, typer.Option("--list", help="What can be reproduced.")] = False,
    root: Annotated[
        Path | None,
        typer.Option(help="Folder with the paper's own data set; of several, with a sub-folder NAME for each."),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Another set in the same layout, likewise; results are labelled so.")
    ] = None,
    seeds: Annotated[int | None, typer.Option(help="Repetitions; default: the paper's.")] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="A few minutes' check of the whole path; not a result.")
    ] = False,
    jobs: Annotated[int, typer.Option(help="Runs side by side.")] = 1,
    share: Annotated[
        str | None, typer.Option(help="2/3: the second of three machines' parts; --merge joins them.")
    ] = None,
    merge: Annotated[
        list[Path] | None, typer.Option(help="Take the finished runs of another machine's --out, repeatable.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of runs and page; default: reproduced/NAME.")] = None,
    device: Device = None,
    store: Store = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Do again what was done with other settings.")] = False,
    as_json: Json = False,
) -> None:
    """Run a published table or figure: mean and deviation over seeds, the published values beside. Goes on where
    it was stopped."""
    from spikescan.papers import reproduce as papers

    if listing or name is None:
        if not listing:
            raise InputError("reproduce: name a table or figure, or --list shows them")
        papers.show_listing(as_json)
        return
    request = papers.Request(root, data, store, seeds, quick, jobs, merge or (), out, device, overwrite, share)
    papers.show(*papers.reproduce(name, request, report.say), as_json)
