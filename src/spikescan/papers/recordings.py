"""Which recordings an experiment runs on, and what they are called wherever its results are shown."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spikescan.data import catalog
from spikescan.data.write import Progress
from spikescan.errors import InputError

SAMPLES = {"shd": (8156, 2264)}
"""Training and test samples by which a published set is told from another one in the same layout."""
TITLES = {"shd": "Spiking Heidelberg Digits (SHD)"}
BUILT_IN = "digits"


@dataclass(frozen=True)
class Recordings:
    name: str
    """In the catalogue."""
    root: str | None
    store: str | None
    label: str
    published: bool
    """Whether they are those of the paper."""
    contents: dict[str, Any]
    """By which two machines see that they hold the same set: samples and events of each split, classes, channels."""


def choose(
    needed: str,
    *,
    root: Path | None,
    data: Path | None,
    store: Path | None,
    quick: bool,
    progress: Progress | None = None,
) -> Recordings:
    """The data set ``needed`` (in ``root``, or where a download left it), or another one in its layout in ``data``.

    Raises:
        InputError: for data that are missing, saying how to get them, or that are not what they are given out for.
            ``quick`` without a folder goes on with the built-in digits instead, and its label says so.
    """
    if root is not None and data is not None:
        raise InputError("--root names the published data set and --data another one: give one of them")
    title = TITLES.get(needed, needed)
    if data is not None:
        label = f"{data.expanduser().resolve().name} (--data; not {title})"
        return _open(needed, data, store, label, progress)
    try:
        found = _open(needed, root, store, title, progress, published=True)
    except InputError:
        if root is not None or not quick:
            raise
        return _open(BUILT_IN, None, store, f"the built-in digits (not {title})", progress)
    _check_published(needed, found, root)
    return found


def _open(
    name: str, root: Path | None, store: Path | None, label: str, progress: Progress | None, published: bool = False
) -> Recordings:
    dataset = catalog.load(name, root=root, store=store, progress=progress)
    contents: dict[str, Any] = {
        split: {"samples": len(part), "events": part.meta.events} for split, part in dataset.splits.items()
    }
    contents |= {"classes": dataset.classes, "channels": dataset.channels}
    places = [None if place is None else str(place.expanduser().resolve()) for place in (root, store)]
    return Recordings(name, places[0], places[1], label, published, contents)


def _check_published(name: str, found: Recordings, root: Path | None) -> None:
    samples = tuple(found.contents[split]["samples"] for split in ("train", "test"))
    if samples != SAMPLES.get(name, samples):
        raise InputError(
            f"{root}: not {found.label}, which has {SAMPLES[name]} training and test samples and this {samples}; "
            "for another set in the same layout use --data DIR, and results are labelled so"
        )
