"""Progress over all runs of an experiment, on stderr: a bar for a person, a line a run for a log."""

from __future__ import annotations

import sys
from types import TracebackType

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from spikescan.bars import screen
from spikescan.papers.records import Record


class Display:
    """A context; ``done`` of ``total`` runs were finished before."""

    def __init__(self, total: int, done: int) -> None:
        self.total, self.done = total, done
        console = screen()
        columns = (
            BarColumn(30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.description}", markup=False),
        )
        self._console, self._person = console, sys.stderr.isatty()
        self._bars = Progress(*columns, console=console, disable=not self._person)
        self._bar = self._bars.add_task("", total=total, completed=done)

    def __enter__(self) -> Display:
        if self.done:
            self._print(f"{self.done} of {self.total} runs are done already")
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def begins(self, key: str) -> None:
        self._bars.update(self._bar, description=key)

    def says(self, key: str, sentence: str) -> None:
        """What a run says while it goes on; its log has it too."""
        self._bars.update(self._bar, description=f"{key}: {sentence}")

    def ended(self, record: Record) -> None:
        self.done += record.status == "done"
        self._bars.update(self._bar, completed=self.done, description="")
        outcome = f"failed: {record.error}" if record.status == "failed" else f"{record.seconds or 0:.1f} s"
        self._print(f"[{self.done}/{self.total}] {record.key}: {outcome}")

    def _print(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)
