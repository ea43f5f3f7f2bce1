"""A network that classifies, as Lightning sees it. All that a loss needs is what ``network.run`` returned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor
from torch.nn import functional as F

from spikescan.data.event_tensor import Batch
from spikescan.delays import DelaySchedule
from spikescan.errors import TrainingError
from spikescan.losses import mpe_total, readout, spike_regulariser, tet
from spikescan.training import estimation, faults
from spikescan.training.loaders import EVALUATE, FORWARD, MIXUP, stream
from spikescan.training.mixup import mixup
from spikescan.training.networks import Network
from spikescan.training.optimisers import OPTIMISERS, SCHEDULES, groups
from spikescan.training.sections import LossRecipe, TrainingRecipe
from spikescan.training.tally import Tally
from spikescan.types import NetworkOutput

SKIPS = 20
"""Optimiser steps in a row that mixed precision may skip while it looks for a loss scale."""

Samples = Batch | tuple[Tensor, ...]


class Classifier(pl.LightningModule):
    """Trains ``network`` under any Lightning Trainer, on the batches of ``spikescan.DataModule`` or any others.

    Args:
        network: a network of ``spikescan.networks``.
        loss: keys of a recipe's ``[loss]`` section, for instance ``{"readout": "max", "rate_limit": 0.1}``.
        training: keys of its ``[training]`` section that concern the optimiser and mixup, for instance
            ``{"optimiser": "adam", "lr": 5e-3, "schedule": "one-cycle"}``; epochs, device and precision are the
            Trainer's.
        seed: of draws, dropout and mixup.
        class_weights: (classes,) weight of each class in the cross-entropy; None: 1.
        dt: seconds of a step, for the spikes per millisecond; None leaves these out.
        mask: whether ``lengths`` mask padding.

    A batch is a ``Batch``, or a tuple of the current or counts (T, B, inputs), labels (B,) and, where there is padding,
    lengths (B,). Logged once an epoch: ``train_loss``, ``train_accuracy``, ``validation_loss``, ``validation_accuracy``
    (or ``test_…``), ``spikes_per_ms``; ``predict`` gives each batch's probabilities (B, classes).

    Raises:
        TrainingError: while training, where a loss, weight or gradient is not finite; names epoch, step and layer.
    """

    watched: str | None = "validation"
    """What the samples are called that are evaluated after every epoch."""
    kind: str | None = None
    """What the neurons are called in messages; None: their class."""

    def __init__(
        self,
        network: Network,
        *,
        loss: LossRecipe | Mapping[str, Any] | None = None,
        training: TrainingRecipe | Mapping[str, Any] | None = None,
        seed: int = 0,
        class_weights: Tensor | None = None,
        dt: float | None = None,
        mask: bool = True,
    ) -> None:
        super().__init__()
        self.network = network
        self.loss_values = LossRecipe.model_validate(loss or {})
        self.training_values = TrainingRecipe.model_validate(training or {})
        self.seed, self.dt, self.mask = seed, dt, mask
        self.register_buffer("class_weights", class_weights, persistent=False)
        self.narrowing = DelaySchedule(self.training_values.delay_share)
        self.skipped = 0
        self._skipped_in_a_row = 0

    def configure_optimizers(self) -> Any:
        values, epochs = self.training_values, self.trainer.max_epochs or 1
        optimiser = OPTIMISERS[values.optimiser](
            groups(self, values.lr * values.delay_lr), lr=values.lr, weight_decay=values.weight_decay
        )
        if epochs < 0:
            raise ValueError("max_epochs=-1: a schedule of the learning rate needs a number of epochs")
        batches = max(1, round(self.trainer.estimated_stepping_batches / epochs))
        schedule = SCHEDULES[values.schedule](optimiser, values.lr, batches, epochs)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_train_epoch_start(self) -> None:
        self.train_tally = self._tally()
        self.narrowing.apply(self.network, self.current_epoch, self.trainer.max_epochs or 1)

    def on_validation_epoch_start(self) -> None:
        self.watched_tally = self._tally()

    def on_test_epoch_start(self) -> None:
        self.watched_tally = self._tally()

    def training_step(self, batch: Samples, number: int) -> Tensor:
        epoch, rank = self.current_epoch, self.global_rank
        seed = stream(self.seed, FORWARD, epoch, number, rank)
        mixed = mixup(_as_batch(batch), self.training_values, epoch, stream(self.seed, MIXUP, epoch, number, rank))
        loss = self._step(mixed, seed, self.train_tally, "train", number)
        self.log("loss", loss.detach(), prog_bar=True, logger=False, batch_size=len(mixed))
        return loss

    def on_train_batch_end(self, outputs: Any, batch: Samples, batch_idx: int) -> None:
        self.narrowing.project(self.network)

    def validation_step(self, batch: Samples, number: int) -> None:
        self._watch(_as_batch(batch), number, self.watched or "validation")

    def test_step(self, batch: Samples, number: int) -> None:
        self._watch(_as_batch(batch), number, "test")

    def predict_step(self, batch: Samples, number: int) -> Tensor:
        samples = _as_batch(batch)
        return self._scores(self._run(samples, self._evaluation_seed(number)), samples).softmax(-1)

    def _watch(self, batch: Batch, number: int, split: str) -> None:
        with estimation.equal_weights(self.network.neurons):
            self._step(batch, self._evaluation_seed(number), self.watched_tally, split, number)

    def _evaluation_seed(self, number: int) -> int:
        return stream(self.seed, EVALUATE, number * self.trainer.world_size + self.global_rank)

    def on_validation_epoch_end(self) -> None:
        self._log(self.watched or "validation", self._reduced(self.watched_tally))

    def on_test_epoch_end(self) -> None:
        self._log("test", self._reduced(self.watched_tally))

    def on_train_epoch_end(self) -> None:
        if fault := faults.faulty_weights(self.network):
            raise self._error("train", int(self.trainer.num_training_batches) - 1, fault)
        self._log("train", self._reduced(self.train_tally))

    def _log(self, split: str, tally: Tally) -> None:
        values = {f"{split}_loss": tally.mean_loss, f"{split}_accuracy": tally.accuracy}
        if split != "train" and self.dt is not None and self.network.neurons[0].spiking:
            values["spikes_per_ms"] = tally.mean_spikes_per_ms
        self.log_dict(values, sync_dist=True, batch_size=1)  # the same on every rank already

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

    def _step(self, batch: Batch, seed: int, tally: Tally, split: str, number: int) -> Tensor:
        output = self._run(batch, seed)
        scores, lengths = self._scores(output, batch), batch.lengths if self.mask else None
        loss = objective(
            output,
            scores,
            batch.labels,
            lengths,
            self.loss_values,
            epoch=self.current_epoch if split == "train" else None,
            class_weights=self.class_weights,  # type: ignore[arg-type]
        )
        if not bool(loss.isfinite()):
            raise self._error(split, number, self._fault(batch, seed))
        tally.add_scores(scores, batch.labels, loss)
        tally.add_layers(output.layers, lengths, self._milliseconds(split, batch))
        return loss

    def _run(self, batch: Batch, seed: int, potentials: bool = False) -> NetworkOutput:
        torch.manual_seed(seed)  # for dropout; the neurons get the seed itself
        lengths = batch.lengths if self.mask else None
        return self.network.run(batch.events, seed=seed, lengths=lengths, potentials=potentials)

    def _scores(self, output: NetworkOutput, batch: Batch) -> Tensor:
        return readout(output.readout, self.loss_values.readout, batch.lengths if self.mask else None)

    def _milliseconds(self, split: str, batch: Batch) -> Tensor:
        """(B,) duration of each sample."""
        return batch.lengths.double() * (1.0 if self.dt is None else self.dt * 1e3)

    @torch.no_grad()
    def _fault(self, batch: Batch, seed: int) -> str:
        if weights := faults.faulty_weights(self.network):
            return weights
        kinds = [self.kind or type(neuron).__name__ for neuron in self.network.neurons]
        return faults.faulty_layer(batch.dense(), self._run(batch, seed, potentials=True), kinds) or "the loss itself"

    def _error(self, split: str, number: int, fault: str | None) -> TrainingError:
        place = f"epoch {self.current_epoch + 1}, step {number + 1}"
        if split != "train":
            place += f" of the {split} samples"
        return TrainingError(f"{place}: training diverged; the first that is not finite is {fault or 'unknown'}")

    def _tally(self) -> Tally:
        return Tally(len(self.network.neurons), self.device)

    def _reduced(self, tally: Tally) -> Tally:
        for name in Tally.sums():
            setattr(tally, name, self.trainer.strategy.reduce(getattr(tally, name), reduce_op="sum"))
        return tally


def objective(
    output: NetworkOutput,
    scores: Tensor,
    labels: Tensor,
    lengths: Tensor | None,
    values: LossRecipe,
    *,
    epoch: int | None,
    class_weights: Tensor | None = None,
) -> Tensor:
    """The whole loss of one batch: classification, spike-frequency regulariser, estimation error.

    Without an ``epoch`` (of samples that are only watched) the estimation error, an aid to training, is left out.
    """
    if values.kind == "tet":
        loss = tet(output.readout, labels, values.tet_weight, lengths)
    else:
        loss = F.cross_entropy(scores, labels, weight=None if class_weights is None else class_weights.to(scores.dtype))
    if values.rate_limit is not None:
        spikes = [layer.spikes for layer in output.layers if layer.spikes is not None]
        loss = loss + spike_regulariser(spikes, values.rate_limit, lengths)
    errors = [layer.estimation_loss for layer in output.layers if layer.estimation_loss is not None]
    if errors and epoch is not None and (values.estimation_epochs is None or epoch < values.estimation_epochs):
        floor = 0.0 if values.estimation_floor else -torch.inf
        loss = mpe_total(loss, errors, values.estimation_weight, floor)
    return loss


def _as_batch(samples: Samples) -> Batch:
    if isinstance(samples, Batch):
        return samples
    x, labels, *rest = samples
    lengths = rest[0] if rest else torch.full((len(labels),), x.shape[0], device=labels.device)
    return Batch(x, labels, lengths, torch.arange(len(labels), device=labels.device))
