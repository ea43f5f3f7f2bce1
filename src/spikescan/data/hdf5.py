"""Opening an HDF5 file, and saying why it does not open."""

from __future__ import annotations

import errno
from pathlib import Path

import h5py

from spikescan.errors import InputError


def opened(file: Path) -> h5py.File:
    """The file, open for reading. InputError, which tells permission, lock and damage apart."""
    try:
        with file.open("rb"):  # says what h5py says of everything that is wrong in one way
            pass
    except FileNotFoundError:
        raise InputError(f"{file}: no such file") from None
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror or error}); check its permissions") from None
    try:
        return h5py.File(file, "r")
    except OSError as error:
        raise InputError(f"{file}: {_why_not_opened(error)}") from None


def _why_not_opened(error: OSError) -> str:
    text = str(error)
    if "lock file" in text and error.errno not in (errno.EAGAIN, errno.EACCES):
        return f"cannot be locked here ({text}); set HDF5_USE_FILE_LOCKING=FALSE on a file system without locks"
    if "lock file" in text or "open for write" in text:
        return "another program has it open for writing; close it there (or wait until it has finished) and try again"
    return f"not a whole HDF5 file ({text}); fetch it again"
