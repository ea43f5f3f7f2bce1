"""Files that are either the old one or the new one, never half of each."""

import contextlib
import os
import tempfile
from pathlib import Path

from spikescan.errors import naming

UNFINISHED = ".tmp"
"""The ending of a file that is being written."""


def write_atomic(path: Path, content: bytes | str) -> None:
    """Write beside ``path``, wait until it is on the disk, and only then take its place.

    Raises:
        OSError: naming ``path``, for instance where the disk is full; ``path`` is then as it was, with nothing left
            beside it.
    """
    with naming(path):
        _write(path, content.encode() if isinstance(content, str) else content)
    _sync_folder(path.parent)


def _write(path: Path, data: bytes) -> None:
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=UNFINISHED, dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o666 & ~_umask())  # mkstemp makes files that only their owner may read
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):  # some file systems cannot sync a folder; the rename stands all the same
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
