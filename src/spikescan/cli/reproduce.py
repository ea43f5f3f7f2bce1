"""`spikescan reproduce`: the tables and figures of the papers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spikescan import report
from spikescan.cli import _names
from spikescan.cli._shared import DATA, RESULTS, Device, Json, Store, answer_ctrl_c, command
from spikescan.errors import InputError


@command(stopped="the same command continues from here")
def reproduce(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            help="A table or figure; --list shows them.",
            autocompletion=_names.completing(_names.experiments),
        ),
    ] = None,
    listing: Annotated[bool, typer.Option("--list", help="List the tables and figures.")] = False,
    root: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder of the paper's data set; if it uses several, with one sub-folder each, named after the set.",
            rich_help_panel=DATA,
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder of another data set in the same layout; the results say so.",
            rich_help_panel=DATA,
        ),
    ] = None,
    seeds: Annotated[int | None, typer.Option(metavar="N", help="Number of repetitions; default: the paper's.")] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Smoke test of a few minutes; the numbers are not results.")
    ] = False,
    jobs: Annotated[int, typer.Option(metavar="N", help="Number of runs at the same time.")] = 1,
    share: Annotated[
        str | None,
        typer.Option(metavar="K/M", help="Run part K of M, e.g. 2/3, to share the work; --merge joins the parts."),
    ] = None,
    merge: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="DIR",
            help="Add the finished runs of another machine's --out; may be repeated.",
            rich_help_panel=RESULTS,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of the results; default: reproduced/NAME.", rich_help_panel=RESULTS),
    ] = None,
    device: Device = None,
    store: Store = None,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Redo runs recorded with different settings.", rich_help_panel=RESULTS),
    ] = False,
    as_json: Json = False,
) -> None:
    """Reproduce a published table or figure.

    Gives mean and standard deviation over seeds beside the published values. If it was stopped, the same command
    continues. The folder (--out) then holds report.html and report.md, results.csv (one row per run), the pictures, and
    runs/ with a log and the results of every run.
    """
    from spikescan.papers import reproduce as papers

    answer_ctrl_c()

    if listing or name is None:
        if not listing:
            raise InputError("reproduce: which table or figure? --list shows them")
        papers.show_listing(as_json)
        return
    request = papers.Request(root, data, store, seeds, quick, jobs, merge or (), out, device, overwrite, share)
    papers.show(*papers.reproduce(name, request, report.say), as_json)
