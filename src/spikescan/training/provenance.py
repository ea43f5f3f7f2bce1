"""Where a number comes from: device, versions, commit."""

from __future__ import annotations

import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import spikescan
from spikescan.training.devices import device_name

_PACKAGES = ("torch", "lightning", "numpy", "numba")


def provenance(device: str) -> dict[str, Any]:
    return {"device": device_name(device), "versions": _versions(), "commit": _commit()}


def _versions() -> dict[str, str]:
    return {"spikescan": spikescan.__version__, "python": platform.python_version()} | {
        name: metadata.version(name) for name in _PACKAGES
    }


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
