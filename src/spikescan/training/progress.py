"""The bar of a whole training, for a person at a terminal: epoch, batch, loss, accuracy, time elapsed and time left."""

from __future__ import annotations

import sys
import time
from datetime import timedelta
from typing import Any

import lightning.pytorch as pl
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn
from rich.progress import Task as Bar
from rich.table import Column
from rich.text import Text

from spikescan import bars, report
from spikescan.training.task import Task

PAUSE = 0.2
"""Seconds between two looks at loss and accuracy, each of which waits for the device."""


class Times(ProgressColumn):
    """Elapsed, and left: from all of the time that was spent, evaluations too, not from the speed of the last batch."""

    max_refresh = 0.5

    def render(self, task: Bar) -> Text:
        elapsed, done = task.elapsed or 0.0, task.completed - task.fields["before"]
        left = "-:--:--"
        if done and task.total is not None:
            left = str(timedelta(seconds=round(elapsed / done * (task.total - task.completed))))
        return Text(f"{timedelta(seconds=int(elapsed))}, {left} left")


class TrainingBar(pl.Callback):
    """One bar over all batches of all ``epochs``. A resumed training starts where it left off.

    Args:
        epochs: how many there are in all.
        console: where to draw; None: standard error.
    """

    def __init__(self, epochs: int, console: Console | None = None) -> None:
        self.epochs = epochs
        self._bars = Progress(
            TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True)),
            BarColumn(None, table_column=Column(ratio=1)),
            TextColumn("{task.fields[measured]}", markup=False, table_column=Column(no_wrap=True)),
            Times(table_column=Column(no_wrap=True)),
            console=console or bars.screen(),
            expand=True,
            transient=True,
            redirect_stdout=False,
        )
        self._looked = -PAUSE

    def on_train_start(self, trainer: pl.Trainer, task: Task) -> None:  # type: ignore[override]
        batches = int(trainer.num_training_batches)
        before = trainer.current_epoch * batches
        self._bar = self._bars.add_task(
            self._place(trainer, 0), total=self.epochs * batches, completed=before, before=before, measured=""
        )
        self._bars.start()

    def on_train_batch_end(  # type: ignore[override]
        self, trainer: pl.Trainer, task: Task, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        done = trainer.current_epoch * int(trainer.num_training_batches) + batch_idx + 1
        self._bars.update(self._bar, completed=done, description=self._place(trainer, batch_idx + 1))
        if time.monotonic() - self._looked >= PAUSE:
            self._looked = time.monotonic()
            tally = task.train_tally
            measured = f"loss {tally.mean_loss:.4f}, accuracy {report.percent(tally.accuracy)}"
            self._bars.update(self._bar, measured=measured)

    def _place(self, trainer: pl.Trainer, batch: int) -> str:
        width = len(str(trainer.num_training_batches))
        batches = f"batch {batch:>{width}}/{trainer.num_training_batches}"
        return f"epoch {trainer.current_epoch + 1:>{len(str(self.epochs))}}/{self.epochs}, {batches}"

    def on_train_end(self, trainer: pl.Trainer, task: Task) -> None:  # type: ignore[override]
        self._bars.stop()

    def on_exception(self, trainer: pl.Trainer, task: Task, exception: BaseException) -> None:  # type: ignore[override]
        self._bars.stop()


def progress_bar(epochs: int) -> list[TrainingBar]:
    """The callback, where standard error is a terminal."""
    return [TrainingBar(epochs)] if sys.stderr is not None and sys.stderr.isatty() else []
