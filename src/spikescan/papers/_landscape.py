"""The loss around trained weights, on a plane of two random directions that are normalised filter by filter.

Li, Xu, Taylor, Studer and Goldstein 2018, "Visualizing the loss landscape of neural nets": a random direction d has for
each filter (each output of a Linear) the norm that the filter itself has, d ← d·‖w‖/‖d‖, so that networks whose weights
have other sizes can be compared. Biases, batch norms and what the neurons learn stay as they are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spikescan.papers.experiment import Say
from spikescan.training.build import Material
from spikescan.training.classifier import objective
from spikescan.training.evaluate import forward
from spikescan.training.files import write_atomic
from spikescan.training.loaders import EvaluationBatches
from spikescan.training.losses import readout
from spikescan.training.networks import Network

Direction = Mapping[str, Tensor]
"""By the name of a weight."""


def direction(network: Network, seed: int) -> Direction:
    """A random direction in the space of all weights of convolutions and Linear layers, filter-normalised."""
    generator = torch.Generator().manual_seed(seed)
    found = {}
    for name, weight in network.named_parameters():
        if weight.dim() > 1:
            drawn = torch.randn(weight.shape, generator=generator).to(weight)
            found[name] = drawn * (_norms(weight.detach()) / _norms(drawn).clamp(min=1e-12))
    return found


def _norms(weight: Tensor) -> Tensor:
    """Of each filter, in a shape that broadcasts over (filters, ...)."""
    return weight.flatten(1).norm(dim=1).view(-1, *(1,) * (weight.dim() - 1))


@torch.no_grad()
def landscape(
    network: Network, stuff: Material, how: Mapping[str, Any], seed: int, device: str, kept: Path, say: Say
) -> list[list[float]]:
    """Mean training loss at (points x points) places of the plane, rows along the second direction.

    Args:
        how: points of an axis, reach (in units of the directions), each (training samples of a class that count).
        kept: a file for the rows that are done, gone on from where it is there.
    """
    plane = direction(network, 2 * seed), direction(network, 2 * seed + 1)
    centre = {name: weight.detach().clone() for name, weight in network.named_parameters()}
    places = np.linspace(-how["reach"], how["reach"], how["points"])
    rows: list[list[float]] = json.loads(kept.read_text()) if kept.is_file() else []
    for b in places[len(rows) :]:
        row = []
        for a in places:
            _move(network, centre, plane, (float(a), float(b)))
            row.append(_loss(network, stuff, how["each"], device))
        rows.append(row)
        write_atomic(kept, json.dumps(rows))
        say(f"loss landscape: row {len(rows)} of {len(places)}")
    _move(network, centre, plane, (0.0, 0.0))
    return rows


def _move(network: Network, centre: Direction, plane: tuple[Direction, Direction], place: tuple[float, float]) -> None:
    for name, weight in network.named_parameters():
        if name in plane[0]:
            weight.copy_(centre[name] + place[0] * plane[0][name] + place[1] * plane[1][name])


def _loss(network: Network, stuff: Material, each: int, device: str) -> float:
    """Over the first samples of each class, without augmentation; the same draws at every place."""
    recipe = stuff.recipe
    chosen = stuff.splits["train"].first_of_each(each)
    total = 0.0
    batches = EvaluationBatches(stuff.maker("train"), chosen, batch_size=recipe.training.batch_size)
    for number, cpu_batch in enumerate(batches):
        batch = cpu_batch.to(device)
        output = forward(network, batch, recipe, number)
        lengths = batch.lengths if recipe.data.masked else None
        scores = readout(output.readout, recipe.loss.readout, lengths)
        total += objective(output, scores, batch.labels, lengths, recipe.loss, epoch=None).item() * len(batch)
    return total / len(chosen)
