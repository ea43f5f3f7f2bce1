"""The pictures of a run: how it learned, what its neurons do, what it confuses. Drawn without a display."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from spikescan import report
from spikescan.training.build import Material
from spikescan.training.evaluate import Measurement
from spikescan.training.files import write_atomic
from spikescan.training.networks import Network
from spikescan.training.raster import raster
from spikescan.training.style import BLUE, GREEN, GREY, INK, ORANGE, percents, rendered, short

Rows = Sequence[dict[str, Any]]
Say = Callable[[str], None]


def of_run(
    folder: Path,
    material: Material,
    network: Network,
    rows: Rows,
    measured: Measurement,
    epoch: int,
    suffix: str = "png",
    say: Say = report.say,
) -> list[Path]:
    """Draw all pictures of a run into ``folder``; those that were drawn. One that fails costs a sentence.

    Args:
        epoch: the one that was chosen.
        suffix: png, svg or pdf.
    """
    name = f"{material.recipe.neuron.name} on {short(material.dataset.name)}"
    wanted: dict[str, Callable[[], Figure]] = {
        "curves": lambda: curves(rows, epoch, name),
        "raster": lambda: raster(material, network, name),
    }
    if measured.confusion is not None:
        names = material.answers[: len(measured.confusion)]
        wanted["confusion"] = lambda: confusion(measured, names, name)
    if measured.spike_rate is not None:
        wanted["spike_rate"] = lambda: spike_rate(measured.spike_rate or [], name)
    paths = {folder / f"{stem}.{suffix}": draw for stem, draw in wanted.items()}
    return [path for path, draw in paths.items() if _drawn(path, draw, say)]


def _drawn(path: Path, draw: Callable[[], Figure], say: Say) -> bool:
    """Whether the picture could be drawn and written: what a run has found out is worth more than a view of it."""
    try:
        save(path, draw)
    except Exception as error:
        say(f"warning: {path}: could not be drawn ({type(error).__name__}: {error})")
        return False
    return True


def save(path: Path, draw: Callable[[], Figure]) -> Path:
    write_atomic(path, rendered(draw, path.suffix.removeprefix(".")))
    return path


def curves(rows: Rows, epoch: int, name: str) -> Figure:
    """Accuracy and loss by epoch, the chosen epoch marked."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    accuracy, loss = figure.subplots(1, 2)
    for axes, what in ((accuracy, "accuracy"), (loss, "loss")):
        for split, colour in (("train", BLUE), ("validation", ORANGE), ("test", GREEN)):
            _curve(axes, rows, f"{split}_{what}", split, colour)
        axes.axvline(epoch, color=GREY, linewidth=1, linestyle=(0, (4, 3)), zorder=1, label=f"chosen epoch ({epoch})")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set(xlabel="epoch", title=f"{what.capitalize()}, {name}")
    accuracy.yaxis.set_major_formatter(percents())
    loss.set_ylim(bottom=0)
    figure.legend(*accuracy.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def _curve(axes: Axes, rows: Rows, key: str, label: str, colour: str) -> None:
    points = [(row["epoch"], row[key]) for row in rows if row.get(key) is not None]
    if points:
        marker = "o" if len(points) < 40 else None
        axes.plot(*zip(*points, strict=True), color=colour, label=label, marker=marker, markersize=4)


def spike_rate(rates: Sequence[float], name: str) -> Figure:
    """How often the neurons of each layer fire."""
    figure = Figure(figsize=(5.5, 4), layout="constrained")
    axes = figure.subplots()
    layers = [f"hidden {k}" if len(rates) < 6 else str(k) for k in range(1, len(rates) + 1)]
    bars = axes.bar(layers, [100 * rate for rate in rates], 0.55, color=BLUE)
    axes.bar_label(bars, fmt="%.1f %%" if len(rates) < 6 else "%.1f", padding=3, fontsize=11 if len(rates) < 12 else 7)
    axes.set(ylabel="spikes per neuron and step, %", title=f"Spike rate by layer, {name}")
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
    names = [short(name, 24) for name in names]
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
        image, ax=axes, shrink=0.7, format=percents(), label="share of the true class's samples"
    ).outline.set_visible(False)
    axes.set(
        xlabel="predicted",
        ylabel="true",
        title=f"{report.percent(measured.accuracy)} of {measured.samples} {measured.split} samples correct\n{name}",
    )
    return figure


def of_comparison(folder: Path, summaries: dict[str, dict[str, Any]], rows: dict[str, Rows]) -> Path:
    """Several neurons on the same data: accuracy by epoch, and what each costs."""
    return save(folder / "comparison.png", lambda: comparison(summaries, rows))


def comparison(summaries: dict[str, dict[str, Any]], rows: dict[str, Rows]) -> Figure:
    figure = Figure(figsize=(13, 4.4), layout="constrained")
    learning, *costs = figure.subplots(1, 4, width_ratios=[2.2, 1, 1, 1])
    colours = dict(zip(summaries, (BLUE, ORANGE, GREEN, GREY), strict=False))
    for name, colour in colours.items():
        _curve(learning, rows[name], "validation_accuracy", name, colour)
    learning.yaxis.set_major_formatter(percents())
    learning.xaxis.set_major_locator(MaxNLocator(integer=True))
    learning.set(xlabel="epoch", ylabel="share of validation samples", title="Validation accuracy")
    learning.legend(loc="lower right")
    for axes, (key, title, unit, form) in zip(costs, COSTS, strict=True):
        values = [summary[key] or 0 for summary in summaries.values()]
        bars = axes.bar(list(summaries), values, 0.6, color=list(colours.values()))
        axes.bar_label(bars, [form(value) for value in values], padding=3)
        axes.set(title=title, ylabel=unit)
        axes.margins(y=0.12)
        axes.grid(False, axis="x")
    costs[0].yaxis.set_major_formatter(percents())
    where = " and ".join(sorted({short(summary["data"]) for summary in summaries.values()}))
    figure.suptitle(f"{', '.join(summaries)} on {where}", x=0.01, ha="left", fontweight="bold")
    return figure


COSTS: tuple[tuple[str, str, str, Callable[[float], str]], ...] = (
    ("test_accuracy", "Test accuracy", "share of test samples", report.percent),
    ("seconds_per_epoch", "Time per epoch", "seconds", "{:.2f}".format),
    ("spikes_per_ms", "Spikes", "spikes per ms, whole network", "{:.1f}".format),
)
"""Key of the summary, title, label of the axis, how a value is written."""
