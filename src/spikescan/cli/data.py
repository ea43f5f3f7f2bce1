"""`spikescan data`: what is on disk, download, conversion."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from spikescan import report
from spikescan.cli._shared import Data, Json, Root, Store, app, guarded

data_app = typer.Typer(help="What is on disk, download, and conversion to the event store.", no_args_is_help=True)
app.add_typer(data_app, name="data")


@data_app.command("info")
@guarded
def data_info(
    data: Annotated[str | None, typer.Argument(help="A data set; without it, all that are known.")] = None,
    root: Root = None,
    store: Store = None,
    channels: Annotated[int | None, typer.Option(help="Input channels, where the files do not say.")] = None,
    as_json: Json = False,
) -> None:
    """What is known about one data set (converted if it was not yet), or about all."""
    if data is not None:
        _convert(data, root, store, channels, as_json)
        return
    from spikescan.data.info import overview

    known = overview(store)
    if as_json:
        report.show_json([asdict(item) for item in known])
        return
    rows = [
        [
            item.name,
            item.what,
            report.size(item.bytes) if item.folders else "–",
            item.where or "none, built in",
        ]
        for item in known
    ]
    report.show_table("Data sets", ["name", "what", "converted", "files needed (--root)"], rows, numbers=False)


@data_app.command("fetch")
@guarded
def data_fetch(
    data: Data,
    root: Annotated[Path | None, typer.Option(help="The folder to make; default: data/NAME.")] = None,
    as_json: Json = False,
) -> None:
    """Download a data set, check it and unpack it; a download that broke off is gone on with."""
    from spikescan.data.fetch import fetch

    with report.download() as progress:
        folder = fetch(data, root, progress)
    report.say(f"{data} is there; `spikescan train {data} --root {folder}` takes it")
    report.show_json({"data": data, "folder": str(folder)}) if as_json else print(folder)


@data_app.command("convert")
@guarded
def data_convert(
    data: Data,
    root: Root = None,
    store: Store = None,
    channels: Annotated[int | None, typer.Option(help="Input channels, where the files do not say.")] = None,
    as_json: Json = False,
) -> None:
    """Convert a data set to the event store; a set that is there already is only checked."""
    _convert(data, root, store, channels, as_json)


def _convert(data: str, root: Path | None, store: Path | None, channels: int | None, as_json: bool) -> None:
    from spikescan.data.catalog import load
    from spikescan.data.info import describe

    with report.conversion() as progress:
        found = describe(load(data, root=root, store=store, channels=channels, progress=progress))
    for sentence in found.repairs:
        report.say(sentence)
    if as_json:
        report.show_json(asdict(found))
        return
    rows = [
        [
            name,
            f"{split.samples:,}",
            f"{split.events:,}",
            f"{split.events_per_sample.median:,.0f}",
            f"{split.seconds.median:.3f} ({split.seconds.minimum:.3f} to {split.seconds.maximum:.3f})",
            "–" if split.speakers is None else str(len(split.speakers)),
        ]
        for name, split in found.splits.items()
    ]
    size = report.size(found.bytes)
    title = f"{data}: {found.channels} channels, {found.classes} classes, {size} in {found.folder}"
    report.show_table(title, ["split", "samples", "events", "events a sample", "seconds a sample", "speakers"], rows)
