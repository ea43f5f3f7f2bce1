"""The pictures of a run: how it learned, what its neurons do, what it confuses. Drawn without a display."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from torch import Tensor

from spikescan.training.build import Material
from spikescan.training.evaluate import Measurement, forward
from spikescan.training.files import write_atomic
from spikescan.training.networks import Network

BLUE, ORANGE, GREEN, GREY, SLATE, LIGHT = "#1f5fa8", "#e07b1a", "#2a8c6a", "#8a8f98", "#4a505a", "#c9cdd3"
INK = "#22262c"
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6e8eb",
    "lines.linewidth": 2,
    "legend.frameon": True,
    "legend.framealpha": 0.9,
    "legend.edgecolor": "none",
    "savefig.dpi": 150,
}
WIDE_BINS = 160
SHOWN = 1024
"""Neurons of a layer in a raster, at most; there are not more pixels for them."""
LINES = 128
"""Classes beside the right one whose readout is drawn, at most."""
Rows = Sequence[dict[str, Any]]


def of_run(
    folder: Path, material: Material, network: Network, rows: Rows, measured: Measurement, epoch: int
) -> list[Path]:
    """Draw all pictures of a run into ``folder``; ``epoch`` is the one that was chosen."""
    name = f"{material.recipe.neuron.name} on {material.recipe.data.name}"
    drawn = [
        save(folder / "curves.png", lambda: curves(rows, epoch, name)),
        save(folder / "raster.png", lambda: raster(material, network, name)),
    ]
    if measured.confusion is not None:
        names = material.answers[: len(measured.confusion)]
        drawn.append(save(folder / "confusion.png", lambda: confusion(measured, names, name)))
    if measured.spike_rate is not None:
        drawn.append(save(folder / "spike_rate.png", lambda: spike_rate(measured.spike_rate or [], name)))
    return drawn


def save(path: Path, draw: Callable[[], Figure]) -> Path:
    with matplotlib.rc_context(STYLE):
        picture = io.BytesIO()
        draw().savefig(picture, format="png")
    write_atomic(path, picture.getvalue())
    return path


def curves(rows: Rows, epoch: int, name: str) -> Figure:
    """Accuracy and loss by epoch, the chosen epoch marked."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    accuracy, loss = figure.subplots(1, 2)
    for axes, what in ((accuracy, "accuracy"), (loss, "loss")):
        for split, colour in (("train", BLUE), ("validation", ORANGE), ("test", GREEN)):
            _curve(axes, rows, f"{split}_{what}", split, colour)
        axes.axvline(epoch, color=GREY, linewidth=1, linestyle=(0, (4, 3)), zorder=1, label=f"chosen epoch, {epoch}")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set(xlabel="epoch", title=f"{what.capitalize()}, {name}")
    accuracy.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    loss.set_ylim(bottom=0)
    accuracy.legend(loc="lower right")
    return figure


def _curve(axes: Axes, rows: Rows, key: str, label: str, colour: str) -> None:
    points = [(row["epoch"], row[key]) for row in rows if row.get(key) is not None]
    if points:
        marker = "o" if len(points) < 40 else None
        axes.plot(*zip(*points, strict=True), color=colour, label=label, marker=marker, markersize=4)


def raster(material: Material, network: Network, name: str) -> Figure:
    """One test sample: input events, the spikes of each hidden layer, and the readout over time."""
    recipe, index = material.recipe, material.splits["test"].indices[:1]
    batch = material.maker("test")(index, 0)
    output = forward(network.eval(), batch, recipe)
    steps = len(output.readout)
    milliseconds = material.milliseconds("test", batch).item() / max(
        int(batch.lengths if recipe.data.masked else steps), 1
    )
    layers = [layer.spikes[:, 0].flatten(1).numpy() for layer in output.layers if layer.spikes is not None]
    panels = [
        ("Input", batch.dense()[:, 0].numpy()),
        *((f"Hidden {k}", s) for k, s in enumerate(layers, 1)),
    ]

    figure = Figure(figsize=(10, 2 + 1.9 * len(panels)), layout="constrained")
    axes = figure.subplots(len(panels) + 1, 1, sharex=True, height_ratios=[1] * len(panels) + [1.2])
    for panel, (title, spikes), colour in zip(axes, panels, [SLATE] + [BLUE] * len(layers), strict=False):
        draw = _values if title == "Input" and isinstance(batch.events, Tensor) else draw_spikes
        draw(panel, spikes, milliseconds, colour)
        panel.set(
            ylabel="channel" if title == "Input" else "neuron",
            title=title if draw is _values else f"{title}{_part(spikes)}",
        )
    _readout(axes[-1], output.readout[:, 0].numpy(), milliseconds, int(batch.labels), material.answers)
    axes[-1].set(xlabel="time in ms", xlim=(0, steps * milliseconds))
    figure.suptitle(f"One test sample through {name}", x=0.01, ha="left", fontweight="bold")
    return figure


def _part(spikes: np.ndarray) -> str:
    neurons = spikes.shape[1]
    return f", {SHOWN} of {neurons:,}" if neurons > SHOWN else ""


def draw_spikes(axes: Axes, spikes: np.ndarray, milliseconds: float, colour: str) -> None:
    """``spikes`` (T, N): as whole bins where they are wide enough to be seen, else as dots; ``SHOWN`` of the neurons,
    evenly spread, where there are more."""
    share = f"{np.count_nonzero(spikes) / max(spikes.size, 1):.1%} of the bins"
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
        axes.scatter((step + 0.5) * milliseconds, neuron, s=size, color=colour, linewidths=0)
    axes.set_ylim(-0.5, neurons - 0.5)
    axes.grid(False)
    axes.text(1, 1.03, share, transform=axes.transAxes, ha="right", color=GREY, fontsize=9)


def _values(axes: Axes, values: np.ndarray, milliseconds: float, colour: str) -> None:
    """Real-valued inputs (T, C) as shades, from the lowest value to the highest."""
    steps, channels = values.shape
    shades = LinearSegmentedColormap.from_list("values", ["white", colour])
    extent = (0, steps * milliseconds, -0.5, channels - 0.5)
    axes.imshow(values.T, cmap=shades, aspect="auto", origin="lower", extent=extent, interpolation="nearest")
    axes.grid(False)


def _readout(axes: Axes, potential: np.ndarray, milliseconds: float, label: int, names: Sequence[str]) -> None:
    times = (np.arange(len(potential)) + 0.5) * milliseconds
    others = np.delete(np.arange(potential.shape[1]), label)
    highest = others[np.argsort(potential[:, others].max(0))[-LINES:]]
    what = "the others" if len(highest) == len(others) else f"the highest {LINES} of {len(others):,} others"
    axes.plot(
        times, potential[:, label], color=ORANGE, linewidth=2.5, zorder=3, label=f"the right class, {names[label]}"
    )
    axes.plot(times, potential[:, highest], color=LIGHT, linewidth=1)
    axes.plot([], [], color=LIGHT, linewidth=1, label=what)
    axes.legend(loc="lower right", bbox_to_anchor=(1, 0.98), ncols=2, fontsize=9, borderaxespad=0)
    axes.set(ylabel="potential", title="Readout")


def spike_rate(rates: Sequence[float], name: str) -> Figure:
    """How often the neurons of each layer fire."""
    figure = Figure(figsize=(5.5, 4), layout="constrained")
    axes = figure.subplots()
    names = [f"hidden {k}" if len(rates) < 6 else str(k) for k in range(1, len(rates) + 1)]
    bars = axes.bar(names, [100 * rate for rate in rates], 0.55, color=BLUE)
    axes.bar_label(bars, fmt="%.1f %%" if len(rates) < 6 else "%.1f", padding=3, fontsize=11 if len(rates) < 12 else 7)
    axes.set(ylabel="steps with a spike, %", title=f"Spike rate by layer, {name}")
    axes.grid(False, axis="x")
    axes.margins(y=0.15)
    return figure


def confusion(measured: Measurement, names: Sequence[str], name: str) -> Figure:
    """Share of each class's samples by prediction, with the counts written in."""
    counts = np.array(measured.confusion)
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    side = float(np.clip(2.5 + 0.45 * len(counts), 5, 14))
    figure = Figure(figsize=(side + 0.8, side), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    tilt = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if max(map(len, names)) > 2 else {}
    axes.set_xticks(range(len(counts)), names, **tilt)
    axes.set_yticks(range(len(counts)), names)
    axes.grid(False)
    axes.spines[:].set_visible(False)
    if len(counts) <= 30:
        for (row, column), count in np.ndenumerate(counts):
            if count:
                axes.text(
                    column,
                    row,
                    count,
                    ha="center",
                    va="center",
                    fontsize=9,
                    color="white" if share[row, column] > 0.5 else INK,
                )
    figure.colorbar(
        image, ax=axes, shrink=0.7, format=PercentFormatter(1, decimals=0), label="of the class's samples"
    ).outline.set_visible(False)
    axes.set(
        xlabel="predicted",
        ylabel="true",
        title=f"{measured.accuracy:.1%} of {measured.samples} {measured.split} samples right, {name}",
    )
    return figure


def of_comparison(folder: Path, summaries: dict[str, dict[str, Any]], rows: dict[str, Rows]) -> Path:
    """Several neurons on the same data: accuracy by epoch, and what each costs."""
    return save(folder / "comparison.png", lambda: comparison(summaries, rows))


def comparison(summaries: dict[str, dict[str, Any]], rows: dict[str, Rows]) -> Figure:
    figure = Figure(figsize=(12, 4), layout="constrained")
    learning, *costs = figure.subplots(1, 4, width_ratios=[2.2, 1, 1, 1])
    colours = dict(zip(summaries, (BLUE, ORANGE, GREEN, GREY), strict=False))
    for name, colour in colours.items():
        _curve(learning, rows[name], "validation_accuracy", name, colour)
    learning.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    learning.xaxis.set_major_locator(MaxNLocator(integer=True))
    learning.set(xlabel="epoch", title="Validation accuracy")
    learning.legend(loc="lower right")
    figures = (
        ("test_accuracy", "Test accuracy", "{:.1%}"),
        ("seconds_per_epoch", "Seconds an epoch", "{:.2f}"),
    )
    for axes, (key, title, form) in zip(costs, (*figures, ("spikes_per_ms", "Spikes / ms", "{:.1f}")), strict=True):
        values = [summary[key] or 0 for summary in summaries.values()]
        bars = axes.bar(list(summaries), values, 0.6, color=list(colours.values()))
        axes.bar_label(bars, [form.format(value) for value in values], padding=3)
        axes.set(title=title)
        axes.margins(y=0.12)
        axes.grid(False)
        axes.spines["left"].set_visible(False)
        axes.set_yticks([])
    return figure
