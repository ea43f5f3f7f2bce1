"""Finding recordings on disk; every error names the folder and the layout that was looked for."""

from __future__ import annotations

import re
from pathlib import Path

from spikescan.errors import InputError


def base(root: Path, *inside: str, holds: str) -> Path:
    """`root`, or the first of the folders `inside` it that is there (where tonic or an archive puts the set)."""
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; --root names the folder that holds {holds}")
    return next((root / name for name in inside if (root / name).is_dir()), root)


def classes(folder: Path, layout: str) -> list[Path]:
    """The folders in `folder`, in order of name."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; {layout}")
    return sorted(path for path in folder.glob("[!.]*") if path.is_dir())


def numbered(folder: Path, prefix: str, suffix: str) -> list[tuple[int, Path]]:
    """(number, file) of the files called prefix, number, suffix, in order of number.

    Files of another suffix are none of the set's; one of that suffix with another name is an error.
    """
    name = re.compile(rf"{re.escape(prefix)}([0-9]+){re.escape(suffix)}")
    found = []
    for file in folder.glob(f"[!.]*{suffix}"):
        if (match := name.fullmatch(file.name)) is None:
            raise InputError(f"{file}: a recording in this folder is called {prefix}<number>{suffix}")
        found.append((int(match[1]), file))
    return sorted(found)
