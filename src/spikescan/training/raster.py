"""One test sample on its way through a network: input events, spikes of every layer, readout over time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from torch import Tensor

from spikescan.report import percent
from spikescan.training.build import Material
from spikescan.training.evaluate import forward
from spikescan.training.losses import readout
from spikescan.training.networks import Network
from spikescan.training.neurons import spiking
from spikescan.training.style import BLUE, GREY, LIGHT, ORANGE, SLATE, short

WIDE_BINS = 160
SHOWN = 1024
"""Neurons of a layer in a raster, at most; there are not more pixels for them."""
LINES = 128
"""Other classes whose readout is drawn, at most."""


def raster(material: Material, network: Network, name: str) -> Figure:
    """The first test sample: what is drawn of it, its class, and the class that the network predicts."""
    recipe, index = material.recipe, material.splits["test"].indices[:1]
    batch = material.maker("test")(index, 0)
    output = forward(network.eval(), batch, recipe)
    lengths = batch.lengths if recipe.data.masked else None
    steps = len(output.readout)
    milliseconds = material.milliseconds("test", batch).item() / max(
        int(batch.lengths if recipe.data.masked else steps), 1
    )
    layers = [layer.spikes[:, 0].flatten(1).numpy() for layer in output.layers if layer.spikes is not None]
    what = "spike" if spiking(recipe) else "value other than 0"
    panels = [
        ("Input", batch.dense()[:, 0].numpy(), "channel", "event", SLATE),
        *((f"Hidden {k}", spikes, "neuron", what, BLUE) for k, spikes in enumerate(layers, 1)),
    ]

    figure = Figure(figsize=(10, 2 + 1.9 * len(panels)), layout="constrained")
    axes = figure.subplots(len(panels) + 1, 1, sharex=True, height_ratios=[1] * len(panels) + [1.2])
    for panel, (title, spikes, place, held, colour) in zip(axes, panels, strict=False):
        if title == "Input" and isinstance(batch.events, Tensor):
            draw_values(panel, spikes, milliseconds, colour)
            panel.set(ylabel=place, title=title)
            continue
        draw_spikes(panel, spikes, milliseconds, colour)
        panel.set(ylabel=place, title=f"{title}{_part(spikes)}")
        share = np.count_nonzero(spikes) / max(spikes.size, 1)
        said = f"{percent(share)} of all ({place}, step) pairs hold a{'n' if held == 'event' else ''} {held}"
        panel.text(1, 1.03, said, transform=panel.transAxes, ha="right", color=GREY, fontsize=9)
    scores = readout(output.readout, recipe.loss.readout, lengths)
    label, predicted = int(batch.labels), int(scores.argmax())
    _readout(axes[-1], output.readout[:, 0].numpy(), milliseconds, (label, predicted), material.answers)
    axes[-1].set(xlabel="time in ms", xlim=(0, steps * milliseconds))
    figure.suptitle(f"One test sample through {name}", x=0.01, ha="left", fontweight="bold")
    return figure


def _part(spikes: np.ndarray) -> str:
    neurons = spikes.shape[1]
    return f", {SHOWN} of {neurons:,}" if neurons > SHOWN else ""


def draw_spikes(axes: Axes, spikes: np.ndarray, milliseconds: float, colour: str) -> None:
    """``spikes`` (T, N): as whole bins where they are wide enough to be seen, else as dots; ``SHOWN`` of the neurons,
    evenly spread, where there are more."""
    if spikes.shape[1] > SHOWN:
        spikes = spikes[:, np.linspace(0, spikes.shape[1] - 1, SHOWN).round().astype(np.int64)]
    steps, neurons = spikes.shape
    if steps <= WIDE_BINS:
        extent = (0, steps * milliseconds, -0.5, neurons - 0.5)
        shades = LinearSegmentedColormap.from_list("spikes", ["white", colour])
        axes.imshow(spikes.T > 0, cmap=shades, aspect="auto", origin="lower", extent=extent, interpolation="nearest")
    else:
        step, neuron = np.nonzero(spikes)
        size = float(np.clip(2e5 / spikes.size, 0.4, 6))
        axes.scatter((step + 0.5) * milliseconds, neuron, s=size, color=colour, linewidths=0, rasterized=True)
    axes.set_ylim(-0.5, neurons - 0.5)
    axes.grid(False)


def draw_values(axes: Axes, values: np.ndarray, milliseconds: float, colour: str) -> None:
    """Real-valued inputs (T, C) as shades, from the lowest value to the highest."""
    steps, channels = values.shape
    shades = LinearSegmentedColormap.from_list("values", ["white", colour])
    extent = (0, steps * milliseconds, -0.5, channels - 0.5)
    axes.imshow(values.T, cmap=shades, aspect="auto", origin="lower", extent=extent, interpolation="nearest")
    axes.grid(False)


def _readout(
    axes: Axes, potential: np.ndarray, milliseconds: float, classes: tuple[int, int], names: Sequence[str]
) -> None:
    """``potential`` (T, classes); ``classes``: the true one and the predicted one."""
    label, predicted = classes
    times = (np.arange(len(potential)) + 0.5) * milliseconds
    others = np.delete(np.arange(potential.shape[1]), list(set(classes)))
    highest = others[np.argsort(potential[:, others].max(0))[-LINES:]]
    what = "other classes" if len(highest) == len(others) else f"the highest {LINES} of {len(others):,} other classes"
    said = "true and predicted class" if label == predicted else "true class"
    axes.plot(
        times, potential[:, label], color=ORANGE, linewidth=2.5, zorder=3, label=f"{said}, {short(names[label], 24)}"
    )
    if label != predicted:
        said = f"predicted class, {short(names[predicted], 24)}"
        axes.plot(times, potential[:, predicted], color=BLUE, linewidth=2.5, zorder=3, label=said)
    if len(highest):
        axes.plot(times, potential[:, highest], color=LIGHT, linewidth=1)
        axes.plot([], [], color=LIGHT, linewidth=1, label=what)
    axes.legend(loc="lower right", bbox_to_anchor=(1, 0.98), ncols=3, fontsize=9, borderaxespad=0)
    axes.set(ylabel="potential", title="Readout")
