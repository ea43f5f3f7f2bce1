"""What can go wrong, by who can mend it. The command line turns each class into an exit code."""

from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike, fspath


class InputError(ValueError):
    """A file, a sample, an option or a recipe is wrong: says which one, what was found, what to do (exit code 2)."""


class TrainingError(RuntimeError):
    """Training cannot go on: says at which epoch, step and layer (exit code 1)."""


class Stopped(TrainingError):
    """The user stopped it: says how to go on (exit code 130)."""


@contextmanager
def naming(path: str | PathLike[str]) -> Iterator[None]:
    """An OSError in this block names ``path``; the system names none where a write, a sync or a lock fails."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename == fspath(path):
            raise
        raise OSError(error.errno, error.strerror, fspath(path)) from error
