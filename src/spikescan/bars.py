"""Progress bars on stderr, for a person at a terminal: what is done, how much of it, and the time that remains."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

Advance = Callable[[str, int, int | None], None]


def screen() -> Console:
    """Of standard error as it is now; text is shown as it is."""
    return Console(stderr=True, markup=False, emoji=False, highlight=False)


@contextmanager
def bars(doing: str, of_bytes: bool = False) -> Iterator[Advance]:
    """A callback (what, done, in all or None), with one bar for each ``what``; it draws nothing but on a terminal."""
    columns: list[ProgressColumn] = [TextColumn(f"{doing} {{task.description}}", markup=False), BarColumn()]
    columns += [DownloadColumn(), TransferSpeedColumn()] if of_bytes else [MofNCompleteColumn()]
    columns += [TimeElapsedColumn(), TextColumn("elapsed,", markup=False)]
    columns += [TimeRemainingColumn(), TextColumn("left", markup=False)]
    watched = sys.stderr is not None and sys.stderr.isatty()
    with Progress(*columns, console=screen(), disable=not watched, redirect_stdout=False) as progress:
        known: dict[str, TaskID] = {}

        def advance(what: str, done: int, total: int | None) -> None:
            if what not in known:
                known[what] = progress.add_task(what, total=total)
            progress.update(known[what], completed=done, total=total)

        yield advance
