"""The folder of a run: what lies where, and that nothing in it is lost by accident."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from spikescan.errors import InputError
from spikescan.training import recipe_files
from spikescan.training.files import UNFINISHED
from spikescan.training.recipe import Recipe


@dataclass(frozen=True)
class RunFolder:
    path: Path

    @property
    def recipe(self) -> Path:
        return self.path / "recipe.toml"

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
    def tensorboard(self) -> Path:
        return self.path / "tensorboard"

    @property
    def pictures(self) -> Path:
        return self.path / "pictures"

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
        elif self.path.is_dir() and any(self.path.iterdir()):
            self._check_overwrite(overwrite)
        self._check_writable()

    def _check_overwrite(self, overwrite: bool) -> None:
        if not self.recipe.is_file():
            raise InputError(f"{self.path}: has something in it that is no run; choose another --out")
        if not overwrite:
            raise InputError(f"{self.path}: holds a run already; --resume goes on with it, --overwrite replaces it")

    def _check_writable(self) -> None:
        place = self.path
        while not place.exists():
            place = place.parent
        try:
            with tempfile.TemporaryFile(dir=place):
                pass
        except OSError as error:
            raise InputError(f"{self.path}: cannot be written ({error.strerror}); choose another --out") from None

    def clear(self) -> None:
        """Remove what a run wrote here, and nothing else."""
        for item in (self.recipe, self.metrics, self.summary, self.model):
            item.unlink(missing_ok=True)
        for item in (self.checkpoints, self.tensorboard, self.pictures):
            shutil.rmtree(item, ignore_errors=True)

    def create(self) -> None:
        """Make the folders, and remove what a killed run was in the middle of writing."""
        for item in (self.path, self.checkpoints, self.tensorboard, self.pictures):
            item.mkdir(parents=True, exist_ok=True)
            for unfinished in item.glob(f".*{UNFINISHED}"):
                unfinished.unlink(missing_ok=True)
