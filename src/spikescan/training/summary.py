"""The summary of a run, metrics.json: what a table of results needs, and where the numbers come from."""

from __future__ import annotations

import statistics
from typing import Any

from spikescan.training.build import parameter_count
from spikescan.training.evaluate import Measurement
from spikescan.training.provenance import provenance
from spikescan.training.task import Task


def summarise(task: Task, row: dict[str, Any], measured: Measurement) -> dict[str, Any]:
    """``row`` is the chosen epoch's, ``measured`` its network on the test samples."""
    recipe, rows = task.recipe, task.rows
    every = [other["test_accuracy"] for other in rows if other["test_accuracy"] is not None]
    figures = {
        "test_accuracy": measured.accuracy,
        "best_test_accuracy": max(every) if every else None,
        "validation_accuracy": row["validation_accuracy"],
        "epoch": row["epoch"],
    }
    return {
        "protocol": recipe.protocol.name,
        **figures,
        "protocols": {recipe.protocol.name: figures},
        "data": task.material.dataset.name,
        "neuron": recipe.neuron.name,
        "seed": recipe.seed,
        "epochs": len(rows),
        "train_accuracy": row["train_accuracy"],
        "train_loss": row["train_loss"],
        # Of two epochs the faster: the first one may have compiled kernels.
        "seconds_per_epoch": statistics.median_low(other["seconds"] for other in rows),
        "elapsed_seconds": rows[-1]["elapsed_seconds"],
        "spikes_per_ms": measured.spikes_per_ms,
        "spike_rate": measured.spike_rate,
        "synaptic_operations": measured.synaptic_operations,
        "estimation_distance": measured.estimation_distance,
        "confusion": measured.confusion,
        "mistakes": measured.mistakes,
        "test_loss": measured.loss,
        "samples": {split: len(indices) for split, indices in task.material.splits.items()},
        "parameters": parameter_count(task.network),
        "skipped_steps": task.skipped,
        **provenance(recipe.training.device),
    }
