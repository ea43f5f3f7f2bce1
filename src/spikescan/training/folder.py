"""The folder of a run: what lies where, and that nothing in it is lost by accident."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from spikescan.errors import InputError
from spikescan.training import recipe_files
from spikescan.training.files import UNFINISHED
from spikescan.training.recipe import Recipe

_LOCKLESS = errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP
"""What a file system without locks answers, as Lustre and some NFS are mounted."""


@dataclass(frozen=True)
class RunFolder:
    path: Path

    @property
    def recipe(self) -> Path:
        return self.path / "recipe.toml"

    @property
    def facts(self) -> Path:
        return self.path / "data.json"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.csv"

    @property
    def summary(self) -> Path:
        return self.path / "metrics.json"

    @property
    def model(self) -> Path:
        return self.path / "model.safetensors"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def logs(self) -> tuple[Path, ...]:
        """Folders that a logger may make."""
        return tuple(self.path / name for name in ("tensorboard", "csv", "wandb", "mlruns"))

    @property
    def pictures(self) -> Path:
        return self.path / "pictures"

    @property
    def lock(self) -> Path:
        return self.path / ".lock"

    @contextmanager
    def held(self) -> Iterator[None]:
        """The folder for this process alone, made where it is not there; the kernel lets go of it on a crash.

        Raises:
            InputError: where another run holds it, or it cannot be written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            file = self.lock.open("w")
        except OSError as error:
            raise self._unwritable(error) from None
        with file:
            self._lock(file)
            yield

    def _lock(self, file: IO[str]) -> None:
        try:
            _lock(file)
        except BlockingIOError:
            raise InputError(f"{self.path}: another run is using this folder; choose another --out") from None
        except OSError as error:
            if error.errno not in _LOCKLESS:
                raise OSError(error.errno, error.strerror, str(self.lock)) from error
            warnings.warn(
                f"{self.path}: the file system has no locks ({error.strerror}); start no other run in this folder",
                stacklevel=2,
            )

    def read_recipe(self) -> Recipe:
        """Raises InputError where this is no run."""
        if not self.recipe.is_file():
            raise InputError(f"{self.path}: not the folder of a run (it holds no recipe.toml)")
        return recipe_files.load(str(self.recipe))

    def check(self, *, resume: bool, overwrite: bool) -> None:
        """Find out before any work whether a run may write here.

        Raises:
            InputError: for a folder with something in it, without a run to resume, or that cannot be written.
        """
        if self.path.exists() and not self.path.is_dir():
            raise InputError(f"{self.path}: is a file; --out names a folder")
        if resume:
            if not self.recipe.is_file():
                raise InputError(f"{self.path}: nothing to resume (no recipe.toml); start without --resume")
        elif self.path.is_dir() and any(map(self._counts, self.path.iterdir())):
            self._check_overwrite(overwrite)
        self._check_writable()

    def _counts(self, item: Path) -> bool:
        """Whether ``item`` is more than what a run leaves that was killed before it wrote anything."""
        if item in (self.checkpoints, *self.logs, self.pictures) and item.is_dir():
            return any(item.iterdir())
        return item != self.lock and not (item.name.startswith(".") and item.name.endswith(UNFINISHED))

    def _check_overwrite(self, overwrite: bool) -> None:
        if not self.recipe.is_file():
            raise InputError(f"{self.path}: has something in it that is no run; choose another --out")
        if not overwrite:
            raise InputError(f"{self.path}: holds a run already; --resume continues it, --overwrite replaces it")

    def _check_writable(self) -> None:
        place = self.path
        while not place.exists():
            place = place.parent
        try:
            with tempfile.TemporaryFile(dir=place):
                pass
        except OSError as error:
            raise self._unwritable(error) from None

    def _unwritable(self, error: OSError) -> InputError:
        return InputError(f"{self.path}: cannot be written ({error.strerror}); choose another --out")

    def clear(self) -> None:
        """Remove what a run wrote here, and nothing else; last the recipe, without which it is no run."""
        for item in (self.checkpoints, *self.logs, self.pictures):
            shutil.rmtree(item, ignore_errors=True)
        for item in (self.summary, self.model, self.metrics, self.facts, self.recipe):
            item.unlink(missing_ok=True)

    def create(self) -> None:
        """Make the folders, and remove what a killed run was in the middle of writing."""
        for item in (self.path, self.checkpoints, self.pictures):
            item.mkdir(parents=True, exist_ok=True)
            for unfinished in item.glob(f".*{UNFINISHED}"):
                unfinished.unlink(missing_ok=True)


def _lock(file: IO[str]) -> None:
    """Until ``file`` is closed. BlockingIOError where another process has it, another OSError where none can."""
    if os.name == "nt":
        import msvcrt

        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        except PermissionError as error:
            raise BlockingIOError(error.errno, error.strerror) from None
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
