"""What an experiment leaves: results.csv, report.md, a self-contained report.html, and the pictures as files."""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import matplotlib

from spikescan.papers import records, targets
from spikescan.papers.experiment import Experiment, Options, Picture, Report, Run, Table
from spikescan.papers.records import Record
from spikescan.training.files import write_atomic
from spikescan.training.style import STYLE

DOTS = 170
Records = Mapping[str, Record]


@dataclass(frozen=True)
class Page:
    """All that the templates say."""

    experiment: Experiment
    options: Options
    runs: Sequence[Run]
    records: Records
    """Of every run that was begun."""
    report: Report

    @property
    def done(self) -> list[Record]:
        return [record for record in self.records.values() if record.status == "done"]

    @property
    def failed(self) -> list[Record]:
        return [record for record in self.records.values() if record.status == "failed"]

    @property
    def recordings(self) -> str:
        return "no recordings needed" if self.options.recordings is None else self.options.recordings.label

    @property
    def warnings(self) -> list[str]:
        """What nobody may overlook."""
        said = []
        if self.options.quick:
            said.append("QUICK: few seeds, epochs, samples or points. A check that everything works, not the result.")
        if self.options.recordings is not None and not self.options.recordings.published:
            said.append(f"OTHER DATA: {self.recordings}. Published values stand beside for orientation only.")
        if missing := len(self.runs) - len(self.done):
            said.append(f"INCOMPLETE: {len(self.done)} of {len(self.runs)} runs are done, {missing} are not.")
        commits = {record.commit for record in self.done}
        if len(commits) > 1:
            said.append(f"The runs come from {len(commits)} states of the code; see the machines below.")
        return said

    def machines(self) -> Table:
        """Which runs were made on what, of which state of the code."""
        places: dict[tuple[str, ...], list[Record]] = {}
        for record in self.done:
            versions = ", ".join(f"{name} {version}" for name, version in record.versions.items())
            together = "alone" if record.jobs == 1 else f"{record.jobs} side by side, {record.threads} threads each"
            places.setdefault((record.device, versions, record.commit or "installed", together), []).append(record)
        rows = [[*key, str(len(made)), _duration(made)] for key, made in places.items()]
        return Table("Machines", ["device", "versions", "commit", "runs done", "runs", "wall time of the runs"], rows)

    def settings(self) -> Table:
        """What all runs have in common."""
        every = [records.flat(run.settings) for run in self.runs]
        same = {key: value for key, value in every[0].items() if all(one.get(key) == value for one in every)}
        return Table("Settings of all runs", ["setting", "value"], [[key, str(value)] for key, value in same.items()])

    def listing(self) -> Table:
        """Every run, with its outcome."""
        rows = []
        for run in self.runs:
            record = self.records.get(run.key)
            outcome = "not begun" if record is None else record.error or record.status
            seconds = "" if record is None or record.seconds is None else f"{record.seconds:.1f}"
            rows.append([*map(str, run.labels.values()), outcome, seconds])
        return Table("Runs", [*(self.runs[0].labels), "outcome", "seconds"], rows)


def _duration(made: Sequence[Record]) -> str:
    seconds = sum(record.seconds or 0 for record in made)
    return (
        f"{seconds / 3600:.1f} h"
        if seconds >= 3600
        else f"{seconds / 60:.1f} min"
        if seconds >= 60
        else f"{seconds:.1f} s"
    )


def write(page: Page, out: Path) -> list[Path]:
    """Write all files into ``out``; their paths."""
    written = [out / "results.csv", out / "report.md", out / "report.html"]
    drawn = {picture.name: draw(picture, page.options) for picture in page.report.pictures}
    for name, content in drawn.items():
        write_atomic(out / f"{name}.png", content)
        written.append(out / f"{name}.png")
    write_atomic(written[0], _csv(page))
    write_atomic(written[1], _render("page.md.jinja", page, {}))
    inline = {name: base64.b64encode(content).decode() for name, content in drawn.items()}
    write_atomic(written[2], _render("page.html.jinja", page, inline))
    return written


def draw(picture: Picture, options: Options) -> bytes:
    """PNG; what a picture shows that is not the paper's experiment is said across its corner."""
    content = io.BytesIO()
    with matplotlib.rc_context(STYLE):
        figure = picture.draw()
        style: dict[str, Any] = {"color": "#b3261e", "fontsize": 13, "fontweight": "bold"}
        figure.text(0.995, 0.995, ", ".join(options.marks), ha="right", va="top", **style)
        figure.savefig(content, format="png", dpi=DOTS)
    return content.getvalue()


def _csv(page: Page) -> str:
    """A row a finished run: its labels and every single value."""
    rows = []
    for run in page.runs:
        record = page.records.get(run.key)
        if record is not None and record.status == "done":
            origin = {"data": page.recordings, "quick": page.options.quick, "run": run.key}
            row = origin | dict(run.labels) | _single(record.values) | {"device": record.device}
            rows.append(row | origin)  # origin first, and what a run calls its data does not hide it
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(key for row in rows for key in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _single(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is None or isinstance(value, (str, int, float))}


def _render(template: str, page: Page, pictures: Mapping[str, str]) -> str:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("spikescan.papers", "."),
        autoescape=template.endswith(".html.jinja"),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["cell"] = lambda text: str(text).replace("|", "\\|").replace("\n", " ")
    known = targets.published()
    about = {"published": known.experiments[page.experiment.name], "paper": known.papers[page.experiment.paper]}
    return environment.get_template(template).render(page=page, pictures=pictures, **about)
