"""Making a folder so that it is either whole or not there.

Everything is written into a temporary sibling folder, synced to the disk, and renamed. A process that is killed
leaves at most that sibling, which no reader looks at and which is removed the next time, a day later or more.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spikescan.errors import InputError

_FORGOTTEN = 24 * 3600  # seconds after which a temporary folder belongs to nobody any more


@contextmanager
def atomic_folder(path: Path, what: str = "the event store", option: str = "--store") -> Iterator[Path]:
    """A temporary folder that becomes `path` when the block ends, and vanishes when it raises.

    Where another process was faster its folder stays and ours is dropped: the two hold the same. The error for a
    place that cannot be written says what was to be written, and which option names another place.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _forget_old(path)
        temporary = Path(tempfile.mkdtemp(prefix=_partial(path), dir=path.parent))
    except OSError as error:
        raise _unwritable(path, error, what, option) from None
    try:
        yield temporary
        temporary.chmod(0o755)
        _sync(temporary)
        _rename(temporary, path)
    except OSError as error:
        raise _unwritable(path, error, what, option) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _partial(path: Path) -> str:
    return f".{path.name}.partial-"


def _forget_old(path: Path) -> None:
    for leftover in path.parent.iterdir():
        if not leftover.name.startswith(_partial(path)):
            continue
        try:
            old = time.time() - leftover.stat().st_mtime > _FORGOTTEN
        except FileNotFoundError:  # its owner has just finished
            continue
        if old:
            shutil.rmtree(leftover, ignore_errors=True)


def _rename(temporary: Path, path: Path) -> None:
    try:
        os.replace(temporary, path)
    except OSError:
        if not (path.is_dir() and any(path.iterdir())):
            raise
    else:
        _sync_one(path.parent)


def _sync(folder: Path) -> None:
    for item in folder.rglob("*"):
        _sync_one(item)
    _sync_one(folder)


def _sync_one(item: Path) -> None:
    if os.name != "posix":  # elsewhere a folder cannot be synced, nor a file that is open for reading
        return
    descriptor = os.open(item, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unwritable(path: Path, error: OSError, what: str, option: str) -> InputError:
    return InputError(
        f"{path}: {what} cannot be written ({error.strerror or error}); "
        f"free some space there or name another folder with {option}"
    )
