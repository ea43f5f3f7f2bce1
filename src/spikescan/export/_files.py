"""Files that are either whole or not there, and packages that only an export needs."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from ..errors import InputError


def optional(package: str) -> Any:
    """The package, imported; where it is missing the error says what to install."""
    try:
        return import_module(package)
    except ImportError as error:
        raise InputError(f"{package} is needed for this format ({error}): pip install 'spikescan[export]'") from None


@contextmanager
def whole(path: str | os.PathLike[str], suffix: str) -> Iterator[Path]:
    """A temporary file beside `path` that becomes `path` when the block ends, and vanishes when it raises.

    suffix: of the temporary file, for writers that look at it.
    """
    path = Path(path)
    folder = None
    try:
        folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.partial-", dir=path.parent))
        yield folder / f"whole{suffix}"
        os.replace(folder / f"whole{suffix}", path)
    except OSError as error:
        raise InputError(
            f"{path}: the export cannot be written ({error.strerror or error}); name another file"
        ) from error
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
