"""What the command line shows: messages on stderr, results on stdout, as a table or as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table


def say(message: str) -> None:
    """A message for a person; ``sys.stderr`` is looked up now, since a progress bar may stand in for it."""
    print(message, file=sys.stderr, flush=True)


def show_json(result: Any) -> None:
    print(json.dumps(result, indent=1), flush=True)


WIDE = 100_000
"""Columns where nobody looks on: nothing is cut off in a pipe or a file."""


def console() -> Console:
    """Of standard output as it is now."""
    return Console(width=None if sys.stdout.isatty() else WIDE)


def fits(rows: Sequence[Sequence[str]]) -> bool:
    """Whether a table with these rows (the heading is one) is no wider than the terminal."""
    widths = (max(map(cell_len, column)) for column in zip(*rows, strict=True))
    return sum(width + 3 for width in widths) + 1 <= console().width


def show_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], numbers: bool = True) -> None:
    """The first column to the left, the others to the right where they hold ``numbers``."""
    table = Table(title=title, title_justify="left", title_style="bold")
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number and numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    console().print(table)


def show_pairs(title: str, pairs: Mapping[str, str]) -> None:
    """Names and values, one a line."""
    table = Table(title=title, title_justify="left", title_style="bold", show_header=False)
    table.add_column()
    table.add_column(overflow="fold")
    for name, value in pairs.items():
        table.add_row(name, value)
    console().print(table)


def number(value: float | None, digits: int = 2, unit: str = "") -> str:
    return "–" if value is None else f"{value:,.{digits}f}{unit}"


def percent(value: float | None, digits: int = 2) -> str:
    return "–" if value is None else f"{100 * value:.{digits}f} %"


def percents(values: Sequence[float] | None) -> str:
    return "–" if values is None else ", ".join(percent(value, 1) for value in values)


def size(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def measurement(values: Mapping[str, Any]) -> dict[str, str]:
    """The figures that a run's summary and an evaluation share, ready to be shown."""
    operations = values["synaptic_operations"]
    return {
        "spikes/ms": number(values["spikes_per_ms"]),
        "spike rate by layer": percents(values["spike_rate"]),
        "synaptic operations a sample": number(operations and operations["total"], 0),
    }


def conversion() -> AbstractContextManager[Any]:
    """A callback (what, done, in all) for a conversion: one bar a file, where a person looks on."""
    return _bars("converting", MofNCompleteColumn())


def download() -> AbstractContextManager[Any]:
    """A callback (what, bytes done, bytes in all or None) for a download, likewise."""
    return _bars("fetching", DownloadColumn(), TransferSpeedColumn())


@contextmanager
def _bars(doing: str, *columns: ProgressColumn) -> Iterator[Any]:
    with Progress(
        TextColumn(doing + " {task.description}"),
        BarColumn(),
        *columns,
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    ) as bars:
        known: dict[str, Any] = {}

        def advance(what: str, done: int, total: int | None) -> None:
            if what not in known:
                known[what] = bars.add_task(what, total=total)
            bars.update(known[what], completed=done, total=total)

        yield advance
