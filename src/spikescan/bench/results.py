"""What was measured, on disk after every row: bench.csv (a line a measurement) and bench.json (the same, the verdicts
and where the numbers come from)."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from spikescan.errors import InputError
from spikescan.training.files import write_atomic

CSV, JSON = "bench.csv", "bench.json"


@dataclass(frozen=True)
class Measurement:
    """One line of bench.csv.

    bytes: that the layer has to move (each input read once, each output written once), where it is a layer.
    copy_fraction: bytes over median, as a share of what a copy of the same array reached between its repetitions.
    """

    row: str
    workload: str
    steps: int | None
    neurons: int | None  # B·N
    subject: str
    kind: str
    quantity: str
    unit: str
    median: float
    q10: float
    q90: float
    repetitions: int
    bytes: int | None = None
    copy_fraction: float | None = None


@dataclass(frozen=True)
class Finding:
    """A measured figure beside the demanded one: `subject` is `what` by `measured` `unit`.

    `demanded` None: for information; `measured` None: `note` says why.
    """

    row: str
    subject: str
    what: str
    measured: float | None
    demanded: float | None
    at_least: bool = True
    unit: str = "×"
    note: str = ""

    @property
    def reached(self) -> bool | None:
        if self.measured is None or self.demanded is None:
            return None
        return self.measured >= self.demanded if self.at_least else self.measured <= self.demanded

    @property
    def verdict(self) -> str:
        if self.measured is None:
            return "not measured"
        return {None: "for information", True: "reached", False: "not reached"}[self.reached]


@dataclass(frozen=True)
class Skip:
    """What was not run, and why."""

    row: str
    steps: int | None
    neurons: int | None
    subject: str
    why: str


@dataclass
class Results:
    """All of it. `save` after every row: a benchmark that is killed keeps what it measured."""

    folder: Path
    environment: dict[str, Any]
    measurements: list[Measurement] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    skipped: list[Skip] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)

    @classmethod
    def load(cls, folder: Path) -> Results:
        """What an earlier process left in `folder`, to go on from."""
        held = json.loads((folder / JSON).read_text())
        return cls(
            folder,
            held["environment"],
            [Measurement(**one) for one in held["measurements"]],
            [Finding(**{each.name: one[each.name] for each in fields(Finding)}) for one in held["findings"]],
            [Skip(**one) for one in held["skipped"]],
            held["sentences"],
        )

    def as_dict(self) -> dict[str, Any]:
        return {
            "environment": self.environment,
            "findings": [asdict(one) | {"reached": one.reached, "verdict": one.verdict} for one in self.findings],
            "sentences": self.sentences,
            "skipped": [asdict(one) for one in self.skipped],
            "measurements": [asdict(one) for one in self.measurements],
        }

    def as_csv(self) -> str:
        text = io.StringIO()
        writer = csv.DictWriter(text, [one.name for one in fields(Measurement)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(one) for one in self.measurements)
        return text.getvalue()

    def save(self) -> None:
        write_atomic(self.folder / CSV, self.as_csv())
        write_atomic(self.folder / JSON, json.dumps(self.as_dict(), indent=1, allow_nan=False) + "\n")


def prepare(folder: Path, overwrite: bool) -> None:
    """Make the folder; results that are there stay unless `overwrite`."""
    found = [name for name in (CSV, JSON) if (folder / name).exists()]
    if found and not overwrite:
        raise InputError(f"{folder}: holds {' and '.join(found)} of an earlier benchmark; --overwrite replaces them")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made ({error.strerror}); choose another --out") from None
