"""One training run of a recipe as Lightning sees it, with its history."""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import Tensor

from spikescan.data.event_tensor import Batch
from spikescan.training import estimation
from spikescan.training.build import Material
from spikescan.training.classifier import Classifier, Samples
from spikescan.training.loaders import EvaluationBatches, TrainingBatches
from spikescan.training.neurons import spiking
from spikescan.training.tally import Tally

POSITION = {"last_epoch", "_step_count", "_last_lr", "lr_lambdas"}
"""What a checkpoint knows better than the recipe about a schedule: how far it was. The rest is made anew."""


class Task(Classifier):
    """Trains ``material.network()`` by its recipe; ``rows`` is the history, one dictionary an epoch."""

    def __init__(self, material: Material) -> None:
        recipe = material.recipe
        super().__init__(
            material.network(),
            loss=recipe.loss,
            training=recipe.training,
            seed=recipe.seed,
            class_weights=_class_weights(material) if recipe.loss.class_weights else None,
            dt=recipe.data.step,
            mask=recipe.data.masked,
        )
        self.material, self.recipe, self.kind = material, recipe, recipe.neuron.name
        self.rows: list[dict[str, Any]] = []
        self.seconds = 0.0
        self._started = 0.0

    @property
    def watched(self) -> str | None:  # type: ignore[override]
        """The split that is evaluated after every epoch."""
        if "validation" in self.material.splits:
            return "validation"
        return "test" if self.recipe.protocol.test == "every-epoch" else None

    def train_dataloader(self) -> TrainingBatches:
        return TrainingBatches(
            self.material.maker("train", augment=bool(self.recipe.data.augment)),
            self.material.splits["train"],
            batch_size=self.recipe.training.batch_size,
            seed=self.recipe.seed,
            epoch=lambda: self.current_epoch,
            rank=self.global_rank,
            ranks=self.trainer.world_size,
            workers=self.recipe.training.workers,
        )

    def val_dataloader(self) -> EvaluationBatches | list:
        if self.watched is None:
            return []
        return EvaluationBatches(
            self.material.maker(self.watched),
            self.material.splits[self.watched],
            batch_size=self.recipe.training.batch_size,
            rank=self.global_rank,
            ranks=self.trainer.world_size,
        )

    def on_train_start(self) -> None:
        if self.rows:  # resumed, perhaps to another number of epochs: the schedule's value at this step
            schedule: Any = self.lr_schedulers()
            schedule.last_epoch -= 1
            schedule.step()

    def on_train_epoch_start(self) -> None:
        super().on_train_epoch_start()
        self._started = time.perf_counter()

    def on_train_batch_end(self, outputs: Any, batch: Samples, batch_idx: int) -> None:
        super().on_train_batch_end(outputs, batch, batch_idx)
        if batch_idx + 1 == self.trainer.num_training_batches:
            if self.device.type == "cuda":
                torch.cuda.synchronize(self.device)
            self.seconds = time.perf_counter() - self._started

    def on_train_epoch_end(self) -> None:
        super().on_train_epoch_end()
        self.rows.append(self._row())

    def _watch(self, batch: Batch, number: int, split: str) -> None:
        super()._watch(batch, number, split)
        if self.recipe.loss.watch_membrane:
            with estimation.currents(self.network.neurons) as given:
                layers = self._run(batch, self._evaluation_seed(number), potentials=True).layers
            self.watched_tally.membrane += estimation.membrane_distances(given, layers, self.recipe.neuron.decay)

    def _milliseconds(self, split: str, batch: Batch) -> Tensor:
        return self.material.milliseconds(split, batch)

    def _row(self) -> dict[str, Any]:
        train, watched = self.train_tally, self.watched_tally if self.watched else self._tally()
        row: dict[str, Any] = {
            "epoch": self.current_epoch + 1,
            "train_loss": train.mean_loss,
            "train_accuracy": train.accuracy,
            "validation_loss": None,
            "validation_accuracy": None,
            "test_accuracy": None,
            "seconds": self.seconds,
            "spikes_per_ms": None,
            "learning_rate": self.trainer.optimizers[0].param_groups[0]["lr"],
            "skipped_steps": self.skipped,
        }
        if self.watched == "validation":
            row |= {"validation_loss": watched.mean_loss, "validation_accuracy": watched.accuracy}
        elif self.watched == "test":
            row["test_accuracy"] = watched.accuracy
        if spiking(self.recipe):
            row["spikes_per_ms"] = (watched if self.watched else train).mean_spikes_per_ms
        return row | self._estimation(watched)

    def _estimation(self, watched: Tally) -> dict[str, float]:
        """κ and thresholds by layer, and how far the watched samples' estimates are from the membranes."""
        values = estimation.learned(self.network.neurons)
        if self.watched:
            by_layer = enumerate(watched.estimation_distance)
            values |= {f"distance_layer{k}": far for k, far in by_layer if f"kappa_layer{k}" in values}
        if self.watched and self.recipe.loss.watch_membrane:
            values |= {f"membrane_layer{k}": far for k, far in enumerate(watched.membrane_distance)}
        return values

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["rows"], checkpoint["skipped"] = self.rows, self.skipped

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.rows, self.skipped = list(checkpoint["rows"]), checkpoint["skipped"]
        checkpoint["lr_schedulers"] = [
            {key: value for key, value in state.items() if key in POSITION} for state in checkpoint["lr_schedulers"]
        ]


def _class_weights(material: Material) -> Tensor:
    """(outputs,) inverse shares of the training samples, 1 on average over them; 0 for a class without samples."""
    labels = torch.from_numpy(material.splits["train"].labels)
    counts = torch.bincount(labels, minlength=material.outputs).double()
    present = counts > 0
    return torch.where(present, len(labels) / (counts.clamp(min=1) * present.sum()), 0.0)
