"""Checkpoints: one file an epoch, written whole or not at all, read without executing code."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import CheckpointIO

from spikescan.errors import InputError, TrainingError
from spikescan.training.files import write_atomic

_NAME = re.compile(r"epoch-(\d+)\.ckpt")
NEEDED = {"state_dict", "optimizer_states", "lr_schedulers", "loops", "rows"}


class Checkpoints(CheckpointIO):
    """Where Lightning's ``save_checkpoint`` and ``fit(ckpt_path=...)`` end up."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        buffer = io.BytesIO()  # torch.save into a file turns a full disk into an unreadable error
        torch.save(checkpoint, buffer)
        try:
            write_atomic(Path(path), buffer.getvalue())
        except OSError as error:
            raise TrainingError(f"{path}: the checkpoint cannot be written ({error.strerror or error})") from error

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: bool | None = None) -> dict[str, Any]:
        return read(Path(path), map_location)

    def remove_checkpoint(self, path: Any) -> None:
        Path(path).unlink(missing_ok=True)


def path_of(folder: Path, epoch: int) -> Path:
    """The checkpoint after ``epoch`` (1 is the first)."""
    return folder / f"epoch-{epoch:04d}.ckpt"


def epochs(folder: Path) -> list[int]:
    """Epochs of which a checkpoint is there, newest first."""
    matches = (_NAME.fullmatch(path.name) for path in folder.glob("epoch-*.ckpt"))
    return sorted((int(match[1]) for match in matches if match), reverse=True)


def keep(folder: Path, chosen: Iterable[int]) -> None:
    """Remove all checkpoints but the two newest and the ``chosen`` epochs'."""
    found = epochs(folder)
    for epoch in set(found[2:]) - set(chosen):
        path_of(folder, epoch).unlink(missing_ok=True)


def read(path: Path, map_location: Any = None) -> dict[str, Any]:
    """The content of a checkpoint, every byte checked.

    Raises:
        InputError: for a file that is damaged, or is no checkpoint of ours.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()  # torch itself does not look at the checksums that it writes
        if damaged is not None:
            raise InputError(f"{path}: damaged checkpoint ({damaged})")
        content = torch.load(path, map_location=map_location or "cpu", weights_only=True)
    except InputError:
        raise
    except Exception as error:  # a damaged archive or pickle can raise nearly anything
        raise InputError(f"{path}: damaged checkpoint ({type(error).__name__}: {error})") from None
    if not isinstance(content, dict) or not content.keys() >= NEEDED:
        raise InputError(f"{path}: not a checkpoint of spikescan")
    return content


def newest_whole(folder: Path, say: Callable[[str], None]) -> Path | None:
    """The newest checkpoint that can be read; says which ones cannot. None where there is none at all.

    Raises:
        InputError: where there are checkpoints and all of them are damaged.
    """
    found = epochs(folder)
    for epoch in found:
        try:
            read(path_of(folder, epoch))
        except InputError as error:
            say(f"{error}; trying the one before")
        else:
            return path_of(folder, epoch)
    if found:
        raise InputError(f"{folder}: every checkpoint is damaged; start again with --overwrite")
    return None
