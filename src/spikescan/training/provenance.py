"""Where a number comes from: device, versions, instruction set, commit."""

from __future__ import annotations

import contextlib
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import spikescan
from spikescan import native
from spikescan.training.devices import device_name

_PACKAGES = ("torch", "lightning", "numpy")


def provenance(device: str) -> dict[str, Any]:
    return {"device": device_name(device), "versions": _versions(), "commit": _commit()}


def _versions() -> dict[str, str]:
    found = {"spikescan": spikescan.__version__, "CPU kernels": native.isa(), "python": platform.python_version()}
    for name in _PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):  # a benchmark needs no Lightning
            found[name] = metadata.version(name)
    return found


def _commit() -> str | None:
    """The checkout's commit, with + where files were changed; None for an installed package."""
    here = Path(__file__)
    if _git(here.parent, "ls-files", "--error-unmatch", here.name) is None:
        return None  # a repository around the installation says nothing about us
    commit = _git(here.parent, "rev-parse", "HEAD")
    changed = _git(here.parent, "status", "--porcelain", "--untracked-files=no")
    return f"{commit}+" if commit and changed else commit


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
