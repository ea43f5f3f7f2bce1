"""`spikescan data`: what is on disk, download, conversion."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spikescan import report
from spikescan.cli import _names
from spikescan.cli._help import Group
from spikescan.cli._shared import Channels, Data, Json, Root, Store, app, command
from spikescan.errors import InputError

if TYPE_CHECKING:
    from spikescan.data.audio_options import AudioOptions

Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Of audio: set a key of [audio], e.g. audio.causal=false; may be repeated."
    ),
]

data_app = typer.Typer(cls=Group, help="List, download and convert data sets.", no_args_is_help=True)
app.add_typer(data_app, name="data")


@command("info", data_app, stopped="nothing half-converted is left; the same command starts again")
def data_info(
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="DATA",
            help="A data set; without it, all known ones are listed.",
            autocompletion=_names.completing(_names.data_sets),
        ),
    ] = None,
    root: Root = None,
    store: Store = None,
    channels: Channels = None,
    settings: Settings = None,
    as_json: Json = False,
) -> None:
    """Describe one data set, or list all.

    A data set is converted first if it was not yet.
    """
    if data is not None:
        _convert(data, root, store, channels, settings, as_json)
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
            item.where or "none (built in)",
        ]
        for item in known
    ]
    report.show_table("Data sets", ["name", "what", "converted", "required files (--root)"], rows, numbers=False)


@command("fetch", data_app, stopped="the same command resumes the download")
def data_fetch(
    data: Data,
    root: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder to download into; default: data/DATA.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Download a data set, verify its checksum and unpack it.

    An interrupted download is resumed. Prints the folder, which holds the data set's own files.
    """
    from spikescan.data.fetch import fetch

    with report.download() as progress:
        folder = fetch(data, root, progress)
    report.say(f"done; train on it with: {shlex.join(['spikescan', 'train', data, '--root', str(folder)])}")
    report.show_json({"data": data, "folder": str(folder)}) if as_json else print(folder)


@command("convert", data_app, stopped="nothing half-converted is left; the same command starts again")
def data_convert(
    data: Data,
    root: Root = None,
    store: Store = None,
    channels: Channels = None,
    settings: Settings = None,
    as_json: Json = False,
) -> None:
    """Convert a data set to the event store.

    The store (--store) then holds a folder DATA-KEY with flat, memory-mapped arrays, which training reads.
    A data set that has been converted already is only checked.
    """
    _convert(data, root, store, channels, settings, as_json)


def _convert(
    data: str, root: Path | None, store: Path | None, channels: int | None, settings: list[str] | None, as_json: bool
) -> None:
    from spikescan.data.catalog import load
    from spikescan.data.info import describe

    places = {"root": root, "store": store, "channels": channels}
    with report.conversion() as progress:
        found = describe(load(data, **places, progress=progress, audio=_audio(data, settings or [])))
    for sentence in found.repairs:
        report.say(sentence)
    for sentence in found.warnings:
        report.say(f"warning: {sentence}")
    if as_json:
        report.show_json(asdict(found))
        return
    rows = [
        [
            name,
            f"{split.samples:,}",
            _range(split.samples_per_class),
            f"{split.events:,}",
            f"{split.events_per_sample.median:,.0f}",
            f"{split.seconds.median:.3f} ({split.seconds.minimum:.3f} to {split.seconds.maximum:.3f})",
            "–" if split.speakers is None else str(len(split.speakers)),
            f"{split.channels_used:,}",
        ]
        for name, split in found.splits.items()
    ]
    size = report.size(found.bytes)
    title = f"{found.name}: {found.channels} channels, {found.classes} classes, {size} in {found.folder}"
    report.say(f"classes: {', '.join(found.class_names)}")
    columns = ["split", "samples", "per class", "events", "events per sample", "seconds per sample", "speakers"]
    report.show_table(title, [*columns, "channels used"], rows)
    train = found.splits["train"]
    if train.suggested_dt is not None and train.steps_per_sample is not None:
        print(
            f"suggested time step: {train.suggested_dt * 1e3:g} ms, {train.steps_per_sample.median:,.0f} steps (median)"
        )


def _range(counts: tuple[int, ...]) -> str:
    """The smallest and the largest of some numbers."""
    least, most = min(counts), max(counts)
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"


def _audio(data: str, settings: list[str]) -> AudioOptions | None:
    """The keys audio.… of ``--set``; None where there are none."""
    from spikescan.training.recipe_files import load, parse_setting

    changes = dict(parse_setting(setting) for setting in settings)
    if wrong := [key for key in changes if not key.startswith("audio.")]:
        raise InputError(f"--set {wrong[0]}: converting depends on the keys audio.… alone")
    return load("audio", changes | {"data.name": data}).audio if changes else None
