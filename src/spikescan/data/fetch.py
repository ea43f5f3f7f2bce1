"""Getting a data set from where it is published: it is there whole, or not at all (`spikescan data fetch`)."""

from __future__ import annotations

import shutil
from pathlib import Path

from spikescan.data import archives
from spikescan.data.atomic import atomic_folder
from spikescan.data.download import Progress, download
from spikescan.data.sources import find
from spikescan.errors import InputError


def fetch(name: str, root: Path | str | None = None, progress: Progress | None = None) -> Path:
    """Download, check and unpack the data set `name` into the folder `root` (default: data/NAME); that folder.

    Archives wait in a hidden folder beside `root` until all have come with the right checksum. They are unpacked
    into a temporary folder, which is renamed once the set's reader finds its files there; then the archives are
    removed. A set that is there already is left as it is. InputError, naming URL or folder, for what fails.
    """
    source, wanted = find(name), archives.published(name)
    folder = Path(root or Path("data") / name).expanduser().resolve()
    waiting = folder.with_name(f".{folder.name}.download")
    if _holds_something(folder):
        _check_holds(name, folder)
        shutil.rmtree(waiting, ignore_errors=True)  # of a process that was killed after its last rename
        return folder
    try:
        files = [(download(archive, waiting, progress), archive) for archive in wanted]
    except OSError as error:
        raise InputError(f"{waiting}: cannot be written ({error.strerror or error}); name another --root") from None
    with atomic_folder(folder, what=f"data set {name}", option="--root") as temporary:
        for file, archive in files:
            archives.unpack(file, archive, temporary)
        source.files(temporary)
    shutil.rmtree(waiting, ignore_errors=True)
    return folder


def _holds_something(folder: Path) -> bool:
    return folder.exists() and (not folder.is_dir() or any(folder.iterdir()))


def _check_holds(name: str, folder: Path) -> None:
    try:
        find(name).files(folder)
    except InputError as error:
        raise InputError(f"{folder}: is in the way, and is no whole {name} ({error}); name another --root") from None
