"""Which recordings an experiment runs on, and what they are called wherever its results are shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spikescan.data import archives, catalog, sources
from spikescan.data.write import Progress
from spikescan.errors import InputError
from spikescan.papers import _generated

SAMPLES: dict[str, set[Any]] = {
    "shd": {(8156, 2264)},
    "dvsgesture": {(1176, 288), (1077, 264)},
    "cifar10dvs": {(9000, 1000)},
    "ncaltech101": {8709},
    "cifar10": {(50000, 10000)},
}
"""Samples (training and test, or in all) by which a published set is told from another one in the same layout."""
TITLES = {
    "shd": "Spiking Heidelberg Digits (SHD)",
    "dvsgesture": "DVS128 Gesture",
    "cifar10dvs": "CIFAR10-DVS",
    "ncaltech101": "N-Caltech101",
    "cifar10": "CIFAR-10",
    "nmnist": "N-MNIST",
}
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
    parts: Mapping[str, Recordings] = field(default_factory=dict)
    """Of an experiment on several sets, each by its name."""

    @property
    def mark(self) -> str:
        """What a picture says of recordings that are not the paper's."""
        return "generated data" if "generated" in self.label else "other data"

    def of(self, name: str) -> Recordings:
        """The set ``name`` among several; a single one is itself."""
        return self.parts[name] if self.parts else self


def choose(
    needed: str | Sequence[str],
    *,
    root: Path | None,
    data: Path | None,
    store: Path | None,
    quick: bool,
    out: Path = Path("reproduced"),
    others: Sequence[str] = (),
    progress: Progress | None = None,
) -> Recordings:
    """The data set ``needed`` in the folder ``root``, or another one in its layout in ``data``.

    Of several sets, each is in a sub-folder that has its name, as ``spikescan data fetch`` makes them in ``data``.

    Args:
        out: the experiment's folder, which takes what is generated.
        others: further sets in whose layout those of ``data`` may be.

    Raises:
        InputError: for data that are missing, saying how to get them, or that are not what they are given out for.
            ``quick`` goes on without them, on generated recordings in their format or on the built-in digits, and
            the label says so.
    """
    if root is not None and data is not None:
        raise InputError("--root names the published data set and --data another one: give one of them")
    if data is not None:
        _check_given("--data", data, needed)
    if root is not None and quick:
        _check_given("--root", root, needed)

    def one(name: str, root: Path | None, data: Path | None) -> Recordings:
        return _one(name, root, data, store, quick, out, others, progress)

    if isinstance(needed, str):
        return one(needed, root, data)
    places = {name: (_inside(root, name, quick), _inside(data, name, quick)) for name in needed}
    return _together({name: _tried(lambda name=name: one(name, *places[name])) for name in needed})


def _check_given(option: str, folder: Path, needed: str | Sequence[str]) -> None:
    """A folder that is named has to serve: ``quick`` would else go on as if it had not been."""
    if not folder.expanduser().is_dir():
        raise InputError(f"{option} {folder}: no such folder")
    if not isinstance(needed, str) and not any((folder.expanduser() / name).is_dir() for name in needed):
        raise InputError(f"{option} {folder}: holds none of the folders {', '.join(needed)}")


def _inside(folder: Path | None, name: str, quick: bool) -> Path | None:
    """The sub-folder of a set; None where it is missing and ``quick`` may do without."""
    return None if folder is None or (quick and not (folder / name).exists()) else folder / name


def _tried(choice: Callable[[], Recordings]) -> Recordings | InputError:
    try:
        return choice()
    except InputError as error:
        return error


def _together(found: Mapping[str, Recordings | InputError]) -> Recordings:
    """All sets as one; every one that is missing goes into one InputError."""
    missing = [str(one) for one in found.values() if isinstance(one, InputError)]
    if missing:
        folders = ", ".join(f"DIR/{name}" for name in found)
        raise InputError("\n".join([f"this needs {len(found)} data sets, with --root DIR in {folders}:", *missing]))
    parts = {name: one for name, one in found.items() if isinstance(one, Recordings)}
    label = "; ".join(dict.fromkeys(one.label for one in parts.values()))
    published = all(one.published for one in parts.values())
    contents = {name: one.contents for name, one in parts.items()}
    return Recordings(", ".join(parts), None, None, label, published, contents, parts)


def _one(
    needed: str,
    root: Path | None,
    data: Path | None,
    store: Path | None,
    quick: bool,
    out: Path,
    others: Sequence[str],
    progress: Progress | None,
) -> Recordings:
    title = TITLES.get(needed, needed)
    if data is not None:
        name = _layout(data, (needed, *others))
        like = "" if name == needed else f"{TITLES.get(name, name)}'s layout, "
        label = f"{data.expanduser().resolve().name} (--data; {like}not {title})"
        return _open(name, data, store, label, progress)
    try:
        found = _open(needed, root, store, title, progress, published=True)
    except InputError as error:
        if root is None and quick:
            return _instead(needed, title, store, out, progress)
        raise InputError(f"{error}{_published_files(needed, root)}") from None
    _check_published(needed, found, root)
    return found


def _layout(data: Path, names: Sequence[str]) -> str:
    """The first of the sets whose reader finds its files in ``data``; where none does, the first."""
    return next((name for name in names if _readable(name, data)), names[0])


def _readable(name: str, data: Path) -> bool:
    try:
        return bool(sources.find(name).files(data.expanduser().resolve()))
    except InputError:
        return False


def _instead(needed: str, title: str, store: Path | None, out: Path, progress: Progress | None) -> Recordings:
    """What ``--quick`` goes on with."""
    if needed not in _generated.SETS:
        return _open(BUILT_IN, None, store, f"the built-in digits (not {title})", progress)
    place = out.expanduser().resolve() / "generated"
    root = _generated.write(needed, place / needed)
    return _open(needed, root, store or place / "store", f"generated, in {title}'s format (not {title})", progress)


def _published_files(name: str, root: Path | None) -> str:
    """Which files there are, from where, with which checksums; nothing where the folder is there and is unsound."""
    if root is not None and root.expanduser().is_dir() and any(root.expanduser().iterdir()):
        return ""
    try:
        known = archives.published(name)
    except InputError:
        return ""
    return "".join(f"\n  {archive.name} from {archive.url}, MD5 {archive.md5}" for archive in known)


def _open(
    name: str, root: Path | None, store: Path | None, label: str, progress: Progress | None, published: bool = False
) -> Recordings:
    dataset = catalog.load(name, root=root, store=store, progress=progress)
    contents: dict[str, Any] = {
        split: {"samples": len(part), "events": int(part.counts.sum())} for split, part in dataset.parts.items()
    }
    contents |= {"classes": dataset.classes, "channels": dataset.channels}
    places = [None if place is None else str(place.expanduser().resolve()) for place in (root, store)]
    return Recordings(name, places[0], places[1], label, published, contents)


def _check_published(name: str, found: Recordings, root: Path | None) -> None:
    samples = tuple(found.contents[split]["samples"] for split in ("train", "test"))
    known = SAMPLES.get(name, {samples})
    if samples not in known and sum(samples) not in known:
        listing = " or ".join(map(str, sorted(known)))
        raise InputError(
            f"{root}: not {found.label}, which has {listing} training and test samples and this {samples}; "
            "for another set in the same layout use --data DIR, and results are labelled so"
        )
