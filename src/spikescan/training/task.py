"""One training run as Lightning sees it. All that a loss needs is what ``network.run`` returned."""

from __future__ import annotations

import time
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor
from torch.nn import functional as F

from spikescan.data.event_tensor import Batch
from spikescan.errors import TrainingError
from spikescan.training import estimation, faults
from spikescan.training.build import Material
from spikescan.training.loaders import EVALUATE, FORWARD, MIXUP, EvaluationBatches, TrainingBatches, stream
from spikescan.training.losses import mpe_total, readout, spike_regulariser, tet
from spikescan.training.mixup import mixup
from spikescan.training.neurons import spiking
from spikescan.training.optimisers import OPTIMISERS, SCHEDULES
from spikescan.training.recipe import Recipe
from spikescan.training.tally import Tally
from spikescan.types import NetworkOutput

SKIPS = 20
"""Optimiser steps in a row that mixed precision may skip while it looks for a loss scale."""


def objective(
    output: NetworkOutput, scores: Tensor, labels: Tensor, lengths: Tensor | None, recipe: Recipe, epoch: int | None
) -> Tensor:
    """The whole loss of one batch: classification, spike-frequency regulariser, estimation error.

    Without an ``epoch`` (of samples that are only watched) the estimation error, an aid to training, is left out.
    """
    values = recipe.loss
    if values.kind == "tet":
        loss = tet(output.readout, labels, values.tet_weight, lengths)
    else:
        loss = F.cross_entropy(scores, labels)
    if values.rate_limit is not None:
        spikes = [layer.spikes for layer in output.layers if layer.spikes is not None]
        loss = loss + spike_regulariser(spikes, values.rate_limit, lengths)
    errors = [layer.estimation_loss for layer in output.layers if layer.estimation_loss is not None]
    if errors and epoch is not None and (values.estimation_epochs is None or epoch < values.estimation_epochs):
        floor = 0.0 if values.estimation_floor else -torch.inf
        loss = mpe_total(loss, errors, values.estimation_weight, floor)
    return loss


class Task(pl.LightningModule):
    """Trains ``material.network()`` by its recipe; ``rows`` is the history, one dictionary an epoch."""

    def __init__(self, material: Material) -> None:
        super().__init__()
        self.material, self.recipe = material, material.recipe
        self.network = material.network()
        self.rows: list[dict[str, Any]] = []
        self.skipped = 0
        self.seconds = 0.0
        self._skipped_in_a_row = 0
        self._started = 0.0

    @property
    def watched(self) -> str | None:
        """The split that is evaluated after every epoch."""
        if "validation" in self.material.splits:
            return "validation"
        return "test" if self.recipe.protocol.test == "every-epoch" else None

    def train_dataloader(self) -> TrainingBatches:
        return TrainingBatches(
            self.material.maker("train", augment=self.recipe.data.augment),
            self.material.splits["train"],
            batch_size=self.recipe.training.batch_size,
            seed=self.recipe.seed,
            epoch=lambda: self.current_epoch,
            rank=self.global_rank,
            ranks=self.trainer.world_size,
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

    def configure_optimizers(self) -> Any:
        values = self.recipe.training
        optimiser = OPTIMISERS[values.optimiser](self.parameters(), lr=values.lr, weight_decay=values.weight_decay)
        batches = len(self.train_dataloader())
        schedule = SCHEDULES[values.schedule](optimiser, values.lr, batches, values.epochs)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_train_epoch_start(self) -> None:
        self.train_tally = self._tally()
        self.watched_tally = self._tally()
        self._started = time.perf_counter()

    def training_step(self, batch: Batch, number: int) -> Tensor:
        seed = stream(self.recipe.seed, FORWARD, self.current_epoch, number, self.global_rank)
        values, epoch = self.recipe.training, self.current_epoch
        batch = mixup(batch, values, epoch, stream(self.recipe.seed, MIXUP, epoch, number, self.global_rank))
        loss = self._step(batch, seed, self.train_tally, "train", number)
        self.log("loss", loss.detach(), prog_bar=True, batch_size=len(batch))
        return loss

    def validation_step(self, batch: Batch, number: int) -> None:
        assert self.watched is not None
        seed = stream(self.recipe.seed, EVALUATE, number * self.trainer.world_size + self.global_rank)
        with estimation.equal_weights(self.network.neurons):
            self._step(batch, seed, self.watched_tally, self.watched, number)
        if self.recipe.loss.watch_membrane:
            with estimation.currents(self.network.neurons) as given:
                layers = self._run(batch, seed, potentials=True).layers
            self.watched_tally.membrane += estimation.membrane_distances(given, layers, self.recipe.neuron.decay)

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        gradients = [parameter.grad for parameter in self.parameters() if parameter.grad is not None]
        if faults.all_finite(gradients):
            self._skipped_in_a_row = 0
            return
        if getattr(self.trainer.precision_plugin, "scaler", None) is not None and self._may_skip():
            return
        raise self._error("train", self.trainer.fit_loop.epoch_loop.batch_idx, faults.faulty_gradient(self.network))

    def _may_skip(self) -> bool:
        """Mixed precision skips a step whose gradients overflow, and lowers its scale."""
        self.skipped += 1
        self._skipped_in_a_row += 1
        return self._skipped_in_a_row <= SKIPS

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_idx: int) -> None:
        if batch_idx + 1 == self.trainer.num_training_batches:
            if self.device.type == "cuda":
                torch.cuda.synchronize(self.device)
            self.seconds = time.perf_counter() - self._started

    def _step(self, batch: Batch, seed: int, tally: Tally, split: str, number: int) -> Tensor:
        lengths = batch.lengths if self.recipe.data.masked else None
        output = self._run(batch, seed)
        scores = readout(output.readout, self.recipe.loss.readout, lengths)
        epoch = self.current_epoch if split == "train" else None
        loss = objective(output, scores, batch.labels, lengths, self.recipe, epoch)
        if not bool(loss.isfinite()):
            raise self._error(split, number, self._fault(batch, seed))
        tally.add_scores(scores, batch.labels, loss)
        tally.add_layers(output.layers, lengths, self.material.milliseconds(split, batch))
        return loss

    def _run(self, batch: Batch, seed: int, potentials: bool = False) -> NetworkOutput:
        torch.manual_seed(seed)  # for dropout; the neurons get the seed itself
        lengths = batch.lengths if self.recipe.data.masked else None
        return self.network.run(batch.events, seed=seed, lengths=lengths, potentials=potentials)

    @torch.no_grad()
    def _fault(self, batch: Batch, seed: int) -> str:
        if weights := faults.faulty_weights(self.network):
            return weights
        kind = self.recipe.neuron.name
        output = self._run(batch, seed, potentials=True)
        return faults.faulty_layer(batch.dense(), output, [kind] * len(output.layers)) or "the loss itself"

    def _error(self, split: str, number: int, fault: str | None) -> TrainingError:
        place = f"epoch {self.current_epoch + 1}, step {number + 1}"
        if split != "train":
            place += f" of the {split} samples"
        return TrainingError(f"{place}: training diverged; the first that is not finite is {fault or 'unknown'}")

    def finish_epoch(self) -> dict[str, Any]:
        """Add the epoch's row to ``rows``; every rank calls this."""
        if fault := faults.faulty_weights(self.network):
            raise self._error("train", int(self.trainer.num_training_batches) - 1, fault)
        train, watched = self._reduced(self.train_tally), self._reduced(self.watched_tally)
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
        row |= self._estimation(watched)
        self.rows.append(row)
        return row

    def _estimation(self, watched: Tally) -> dict[str, float]:
        """κ and thresholds by layer, and how far the watched samples' estimates are from the membranes."""
        values = estimation.learned(self.network.neurons)
        if self.watched:
            by_layer = enumerate(watched.estimation_distance)
            values |= {f"distance_layer{k}": far for k, far in by_layer if f"kappa_layer{k}" in values}
        if self.watched and self.recipe.loss.watch_membrane:
            values |= {f"membrane_layer{k}": far for k, far in enumerate(watched.membrane_distance)}
        return values

    def _tally(self) -> Tally:
        return Tally(len(self.network.neurons), self.device)

    def _reduced(self, tally: Tally) -> Tally:
        for name in Tally.sums():
            setattr(tally, name, self.trainer.strategy.reduce(getattr(tally, name), reduce_op="sum"))
        return tally

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["rows"], checkpoint["skipped"] = self.rows, self.skipped

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.rows, self.skipped = list(checkpoint["rows"]), checkpoint["skipped"]
