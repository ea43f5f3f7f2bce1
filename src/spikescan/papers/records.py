"""What is kept of each run, OUT/runs/KEY/run.json: its settings before it starts, its values when it is done."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

import spikescan
from spikescan.errors import InputError
from spikescan.papers.experiment import Run, Say
from spikescan.training.files import write_atomic

ABSENT = "absent"


class Record(BaseModel):
    """One run's file. ``started`` is what a killed run leaves."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str
    status: Literal["started", "done", "failed"]
    settings: dict[str, Any]
    values: dict[str, Any] = {}
    error: str = ""
    data: str = ""
    """The recordings in words."""
    device: str = ""
    versions: dict[str, str] = {}
    commit: str | None = None
    seconds: float | None = None
    """Wall time."""
    jobs: int = 1
    """Runs that were done side by side with it, itself included."""
    threads: int | None = None


def folder(out: Path, key: str) -> Path:
    return out / "runs" / key


def read(out: Path, key: str) -> Record | None:
    """None where the run was never begun; InputError for a file that is damaged."""
    path = folder(out, key) / "run.json"
    try:
        return Record.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise InputError(f"{path}: not a run's record ({error}); remove the folder and the run is done again") from None


def write(out: Path, record: Record) -> None:
    """Atomically; the values have to be JSON."""
    place = folder(out, record.key)
    place.mkdir(parents=True, exist_ok=True)
    write_atomic(place / "run.json", json.dumps(record.model_dump(), indent=1) + "\n")


def survey(out: Path, runs: Sequence[Run], overwrite: bool) -> dict[str, Record]:
    """The finished runs among ``runs``, by key.

    ``overwrite`` removes what was begun or done with other settings; without it such a run is an InputError.
    """
    found = {run.key: record for run in runs if (record := read(out, run.key)) is not None}
    for run in runs:
        if run.key in found and (changed := differences(found[run.key].settings, run.settings)):
            if not overwrite:
                raise InputError(
                    f"{folder(out, run.key)}: begun with other settings ({changed}); choose another --out, "
                    "or --overwrite does it again"
                )
            shutil.rmtree(folder(out, run.key))
            del found[run.key]
    return {key: record for key, record in found.items() if record.status == "done"}


def merge(out: Path, other: Path, runs: Sequence[Run], say: Say) -> None:
    """Take the finished runs of another machine's folder that this one lacks.

    Raises:
        InputError: for a folder without runs, or a run with other settings or of another version of spikescan.
    """
    if not (other / "runs").is_dir():
        raise InputError(f"--merge {other}: not the output folder of a reproduction (it has no folder runs)")
    taken = 0
    for run in runs:
        ours, theirs = read(out, run.key), read(other, run.key)
        if theirs is None or theirs.status != "done" or (ours is not None and ours.status == "done"):
            continue
        _check_same(theirs, run, other)
        write(out, theirs)
        taken += 1
    say(f"{other}: {taken} finished runs taken")


def _check_same(theirs: Record, run: Run, other: Path) -> None:
    if changed := differences(theirs.settings, run.settings):
        raise InputError(f"--merge {other}: run {run.key} has other settings ({changed})")
    if (version := theirs.versions.get("spikescan")) != spikescan.__version__:
        raise InputError(
            f"--merge {other}: run {run.key} is of spikescan {version}, this is {spikescan.__version__}; "
            "runs of one table come from one version"
        )


def differences(was: dict[str, Any], asked: dict[str, Any]) -> str:
    """Dotted keys whose values differ, with both values; empty where none does."""
    left, right = flat(was), flat(json.loads(json.dumps(asked)))
    keys: Iterable[str] = dict.fromkeys([*left, *right])
    return "; ".join(
        f"{key} is {left.get(key, ABSENT)}, asked is {right.get(key, ABSENT)}"
        for key in keys
        if left.get(key, ABSENT) != right.get(key, ABSENT)
    )


def flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted keys of a tree of dictionaries."""
    found: dict[str, Any] = {}
    for key, value in tree.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) and value else {prefix + key: value}
    return found
