"""A picture of how a network came to its answer: the recording's events, and every class's potential over time."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from spikescan.training.pictures import save
from spikescan.training.raster import draw_spikes, draw_values
from spikescan.training.style import BLUE, GREEN, GREY, LIGHT, ORANGE, SLATE, short

if TYPE_CHECKING:
    from spikescan.data.dataset import Dataset
    from spikescan.inference.model import Model

NAMED = 3
"""Classes that have a colour and a name."""


def explain(model: Model, name: str, recording: Dataset, folder: Path, *, seed: int = 0) -> Path:
    """Draw the answer for a data set of one sample into ``folder``; the file that was written."""
    folder.mkdir(parents=True, exist_ok=True)
    plain = re.sub(r"[^\w.#-]", "_", Path(name).name)
    return save(folder / f"{plain}.png", lambda: picture(model, name, recording, seed=seed))


def picture(model: Model, name: str, recording: Dataset, *, seed: int = 0) -> Figure:
    """Input and hidden layers as rasters, and the readout of each class."""
    output, batch = model.run(recording, seed=seed)
    answer = model.answer(recording, seed=seed)
    readout = output.readout[:, 0].cpu().numpy()
    milliseconds = (
        recording.durations[0] / 1e3 / len(readout) if model.recipe.data.frames else model.recipe.data.step * 1e3
    )
    layers = [layer.spikes[:, 0].flatten(1).cpu().numpy() for layer in output.layers if layer.spikes is not None]
    panels = [("Input", batch.dense()[:, 0].cpu().numpy()), *((f"Hidden {k}", s) for k, s in enumerate(layers, 1))]
    figure = Figure(figsize=(10, 3 + 1.9 * len(panels)), layout="constrained")
    axes = figure.subplots(len(panels) + 1, 1, sharex=True, height_ratios=[1] * len(panels) + [1.6])
    for panel, (title, spikes), colour in zip(axes, panels, [SLATE] + [BLUE] * len(layers), strict=False):
        real = title == "Input" and isinstance(batch.events, Tensor)
        (draw_values if real else draw_spikes)(panel, spikes, milliseconds, colour)
        panel.set(ylabel="channel" if title == "Input" else "neuron", title=title)
    _classes(axes[-1], readout, milliseconds, model.class_names, list(answer.probabilities))
    axes[-1].set(xlabel="time in ms", xlim=(0, len(readout) * milliseconds))
    title = f"{Path(name).name}: {answer.label} ({100 * answer.probability:.1f} %)"
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold")
    return figure


def _classes(
    axes: Axes, readout: np.ndarray, milliseconds: float, names: tuple[str, ...], likeliest: list[str]
) -> None:
    """Potential of each class (T, classes); the likeliest in colours."""
    time = (np.arange(len(readout)) + 0.5) * milliseconds
    colours = dict(zip(likeliest[:NAMED], (GREEN, ORANGE, BLUE)))
    for k, name in enumerate(names):
        if name not in colours:
            axes.plot(time, readout[:, k], color=LIGHT, linewidth=1, zorder=1)
    for name in reversed(likeliest[:NAMED]):
        line = readout[:, names.index(name)]
        axes.plot(time, line, color=colours[name], label=short(name, 24), marker="o" if len(time) == 1 else None)
    axes.axhline(0, color=GREY, linewidth=0.8, zorder=0)
    axes.set(ylabel="potential", title="Class potentials (the likeliest have a colour)")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), reverse=True)
