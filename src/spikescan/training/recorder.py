"""After every epoch: the checkpoint first, then everything that can be made again from it."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Checkpoint

from spikescan.report import percent
from spikescan.training import checkpoints
from spikescan.training.files import write_atomic
from spikescan.training.folder import RunFolder
from spikescan.training.recipe import Recipe
from spikescan.training.task import Task

Row = dict[str, Any]


def chosen(rows: list[Row], recipe: Recipe) -> Row:
    """The epoch that counts: under the held-out protocol that of the best validation accuracy (of equals, of
    the lowest loss, of those the first), under the published one the last."""
    if recipe.protocol.name == "published":
        return rows[-1]
    return max(rows, key=lambda row: (row["validation_accuracy"], -row["validation_loss"]))


def stalled(rows: list[Row], recipe: Recipe) -> bool:
    """Whether early stopping ends the run after these epochs."""
    patience = recipe.training.early_stopping
    return patience is not None and bool(rows) and len(rows) - chosen(rows, recipe)["epoch"] >= patience


def as_csv(rows: list[Row]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def as_line(row: Row, epochs: int) -> str:
    """One epoch for a person to read."""
    parts = [f"epoch {row['epoch']:>{len(str(epochs))}}/{epochs}", f"loss {row['train_loss']:.4f}"]
    for split in ("train", "validation", "test"):
        if row[f"{split}_accuracy"] is not None:
            parts.append(f"{split} {percent(row[f'{split}_accuracy'])}")
    if row["spikes_per_ms"] is not None:
        parts.append(f"{row['spikes_per_ms']:.2f} spikes/ms")
    return "  ".join([*parts, f"{row['seconds']:.2f} s"])


class Recorder(Checkpoint):
    """Writes checkpoint, metrics.csv and the logger's rows, and says one line an epoch.

    A ``Checkpoint`` among Lightning's callbacks, so that it is called after all others.
    """

    def __init__(self, folder: RunFolder, recipe: Recipe, say: Callable[[str], None]) -> None:
        self.folder, self.recipe, self.say = folder, recipe, say
        self._since = time.perf_counter()
        self._before = 0.0

    def on_train_start(self, trainer: pl.Trainer, task: Task) -> None:  # type: ignore[override]
        self._since = time.perf_counter()
        self._before = task.rows[-1]["elapsed_seconds"] if task.rows else 0.0

    def on_train_epoch_end(self, trainer: pl.Trainer, task: Task) -> None:  # type: ignore[override]
        row = task.rows[-1]
        row["elapsed_seconds"] = self._before + time.perf_counter() - self._since
        trainer.save_checkpoint(checkpoints.path_of(self.folder.checkpoints, row["epoch"]))
        if trainer.is_global_zero:
            self._keep(task.rows)
            write_atomic(self.folder.metrics, as_csv(task.rows))
            self.say(as_line(row, self.recipe.training.epochs))
        self._log(row, trainer, task)
        if stalled(task.rows, self.recipe):
            trainer.should_stop = True
            best = chosen(task.rows, self.recipe)["epoch"]
            self.say(f"early stopping: epoch {best} was the best of {len(task.rows)}")

    def _keep(self, rows: list[Row]) -> None:
        # The epoch chosen before this one stays too: this one's file may turn out damaged.
        epochs = {chosen(part, self.recipe)["epoch"] for part in (rows, rows[:-1]) if part}
        checkpoints.keep(self.folder.checkpoints, epochs)

    def _log(self, row: Row, trainer: pl.Trainer, task: Task) -> None:
        values = {name: value for name, value in row.items() if name != "epoch" and value is not None}
        for name, parameter in task.network.neurons.named_parameters():  # learned thresholds, decays and κ
            values[f"neurons/{name}"] = parameter.detach().mean().item()
            if name.endswith("kappa"):
                values |= {f"neurons/{name}/step{step}": weight for step, weight in enumerate(parameter.tolist())}
        for logger in trainer.loggers:
            logger.log_metrics(values, step=row["epoch"])
            logger.save()
