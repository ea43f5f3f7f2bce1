"""What the command line shows: messages on stderr, results on stdout, as a table or as JSON.

Text is shown as it is: what comes from a user (class names, folders) may look like markup or an emoji code and is none.
Rich is imported only where something is drawn with it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def say(message: str) -> None:
    """A message for a person; ``sys.stderr`` is looked up now, since a progress bar may stand in for it."""
    print(message, file=sys.stderr, flush=True)


def show_json(result: Any) -> None:
    print(json.dumps(result, indent=1), flush=True)


WIDE = 100_000
"""Columns of a table that goes to a pipe or a file: nothing is cut off."""


def console() -> Console:
    """Of standard output as it is now."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else WIDE, markup=False, emoji=False, highlight=False)


def fits(rows: Sequence[Sequence[str]]) -> bool:
    """Whether a table with these rows (the heading is one) is no wider than the terminal."""
    from rich.cells import cell_len

    widths = (max(map(cell_len, column)) for column in zip(*rows, strict=True))
    return sum(width + 3 for width in widths) + 1 <= console().width


def show_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], numbers: bool = True) -> None:
    """The first column to the left, the others to the right where they hold ``numbers``."""
    from rich.text import Text

    table = _table(title)
    for number, column in enumerate(columns):
        table.add_column(Text(column), justify="right" if number and numbers else "left", overflow="fold")
    _print(table, rows)


def show_pairs(title: str, pairs: Mapping[str, str]) -> None:
    """Names and values, one a line."""
    table = _table(title, show_header=False)
    table.add_column()
    table.add_column(overflow="fold")
    _print(table, list(pairs.items()))


def _table(title: str, **options: Any) -> Table:
    from rich.table import Table
    from rich.text import Text

    return Table(title=Text(title, style="bold"), title_justify="left", **options)


def _print(table: Table, rows: Sequence[Sequence[str]]) -> None:
    """Text objects, since a string would be searched for markup by a console that does so."""
    from rich.text import Text

    for row in rows:
        table.add_row(*map(Text, row))
    screen = console()
    with screen.capture() as drawn:  # Rich's own way to write ends the process where a pipe has been closed
        screen.print(table)
    print(drawn.get(), end="", flush=True)


def number(value: float | None, digits: int = 2, unit: str = "") -> str:
    return "–" if value is None else f"{value:,.{digits}f}{unit}"


def percent(value: float | None, digits: int = 1) -> str:
    """A share as "50.1 %": one form everywhere, in tables and pictures."""
    return "–" if value is None else f"{100 * value:.{digits}f} %"


def percents(values: Sequence[float] | None) -> str:
    return "–" if values is None else ", ".join(map(percent, values))


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
        "synaptic operations per sample": number(operations and operations["total"], 0),
    }


def conversion() -> AbstractContextManager[Any]:
    """A callback (what, done, in all) for a conversion: on a terminal, a bar for each file, with the time left."""
    from spikescan.bars import bars

    return bars("converting")


def download() -> AbstractContextManager[Any]:
    """A callback (what, bytes done, bytes in all or None) for a download, likewise."""
    from spikescan.bars import bars

    return bars("fetching", of_bytes=True)
