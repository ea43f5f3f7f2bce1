"""map.png and rows.png."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from spikescan.bench.grid import PANELS, SKIPPED, Grid
from spikescan.bench.results import Finding
from spikescan.bench.table import amount, demand
from spikescan.training.files import write_atomic
from spikescan.training.style import BLUE, GREY, INK, ORANGE, rendered

COLOURS = LinearSegmentedColormap.from_list(
    "slower to faster",
    [(0, "#a9540a"), (0.45, "#f6c48c"), (0.498, "#fdf1e4"), (0.502, "#eaf2fa"), (0.55, "#bad4ec"), (1, "#174a85")],
)
DECADES = 3.0
"""The colours end at 1/1000 and 1000 times."""
REACH = 200.0
"""Dots further from what is demanded are drawn at the edge."""


def save(path: Path, draw: Callable[[], Figure]) -> Path:
    write_atomic(path, rendered(draw))
    return path


def comparison(found: Grid, where: str) -> Figure:
    """Three maps over T and B·N: SPSN against each baseline, a line where both take as long."""
    figure = Figure(figsize=(15, 5.6), layout="constrained")
    panels = figure.subplots(1, 3, sharex=True, sharey=True)
    image = None
    for axes, panel in zip(panels, PANELS, strict=True):
        image = axes.imshow(
            np.log10(found.faster[panel]),
            origin="lower",
            aspect="auto",
            cmap=COLOURS,
            norm=Normalize(-DECADES, DECADES),
        )
        _annotate(axes, found, panel)
        _border(axes, found.faster[panel])
        _axes(axes, found, f"against {PANELS[panel]}")
    panels[0].set_ylabel("neurons, B·N")
    assert image is not None
    bar = figure.colorbar(image, ax=list(panels), ticks=[-3, -2, -1, 0, 1, 2, 3], pad=0.01)
    bar.ax.set_yticklabels(["1/1000×", "1/100×", "1/10×", "1×", "10×", "100×", "1000×"])
    bar.outline.set_visible(False)  # type: ignore[operator]
    title = (
        "SPSN, forward and backward of one layer: how many times faster (black line: 1×; hatched: too slow to wait for)"
    )
    figure.suptitle(f"{title}\n{where}", x=0.01, ha="left", fontsize=13, fontweight="bold")
    return figure


def _axes(axes: Axes, found: Grid, title: str) -> None:
    axes.set_xticks(range(len(found.steps)), [f"{steps:,}" for steps in found.steps])
    axes.set_yticks(range(len(found.neurons)), [f"{count:,}" for count in found.neurons])
    axes.set_xticks(np.arange(1, len(found.steps)) - 0.5, minor=True)
    axes.set_yticks(np.arange(1, len(found.neurons)) - 0.5, minor=True)
    axes.grid(False)
    axes.grid(which="minor", color="white", linewidth=2)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)
    axes.set(xlabel="time steps, T", title=title[0].upper() + title[1:])


def _annotate(axes: Axes, found: Grid, panel: str) -> None:
    values, why = found.faster[panel], found.why[panel]
    if not np.isfinite(values).any():
        sentence = "no peer was measured:\ninstall SpikingJelly or snnTorch\nand give --peers"
        axes.text(0.5, 0.5, sentence, transform=axes.transAxes, ha="center", va="center", color=GREY)
        return
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            dark = abs(np.log10(value)) > 0.4 * DECADES
            text = f"{value:.1f}×" if value < 10 else f"{value:,.0f}×"
            axes.text(column, row, text, ha="center", va="center", color="white" if dark else INK, fontsize=11)
        else:
            hatch = "///" if why[row, column] == SKIPPED else ""
            axes.add_patch(
                Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor="#f1f2f4", edgecolor="#c3c7cd", hatch=hatch, lw=0)
            )


def _border(axes: Axes, values: np.ndarray) -> None:
    """A line between the cells where SPSN is faster and those where it is not."""
    wins = values > 1
    for (row, column), value in np.ndenumerate(values):
        for next_row, next_column in ((row + 1, column), (row, column + 1)):
            if next_row >= values.shape[0] or next_column >= values.shape[1]:
                continue
            pair = value, values[next_row, next_column]
            if not np.isfinite(pair).all() or wins[row, column] == wins[next_row, next_column]:
                continue
            # The edge that the two cells share.
            x = (column + 0.5, column + 0.5) if next_column > column else (column - 0.5, column + 0.5)
            y = (row + 0.5, row + 0.5) if next_row > row else (row - 0.5, row + 0.5)
            axes.plot(x, y, color="black", linewidth=3, solid_capstyle="round")


def demands(findings: Sequence[Finding], where: str) -> Figure:
    """A line for each demanded figure, a dot for each subject that it is demanded of: measured over demanded, or the
    other way round for "at most"."""
    groups: dict[tuple[str, str, str], list[Finding]] = {}
    for one in findings:
        if one.measured and one.demanded:
            groups.setdefault((one.row, one.what, demand(one)), []).append(one)
    figure = Figure(figsize=(13, 1.8 + 0.62 * len(groups)), layout="constrained")
    axes = figure.subplots()
    for place, group in enumerate(reversed(groups.values())):
        _demand(axes, place, group)
    axes.axvline(1, color=INK, linewidth=1.5, zorder=1)
    axes.set_xscale("log")
    labels = [_label(group, what, wanted) for (_, what, wanted), group in groups.items()]
    axes.set_yticks(range(len(groups)), labels[::-1], fontsize=10)
    axes.set(xlim=(1 / REACH, REACH), ylim=(-0.6, len(groups) - 0.4))
    ticks = (0.01, 0.1, 1, 10, 100)
    axes.set_xticks(ticks, ["1/100", "1/10", "reached", "10× better", "100× better"])
    axes.tick_params(axis="both", which="both", length=0)
    axes.grid(axis="y", visible=False)
    figure.suptitle(f"Measured against the target\n{where}", x=0.01, ha="left", fontsize=13, fontweight="bold")
    return figure


def _label(group: Sequence[Finding], what: str, wanted: str) -> str:
    subject = group[0].subject if len(group) == 1 else f"{len(group)} neurons"
    return f"{subject}, {wanted}\n{what}"


def _demand(axes: Axes, place: int, group: Sequence[Finding]) -> None:
    margins = [min(max(margin(one), 1.05 / REACH), REACH / 1.05) for one in group]
    colours = [BLUE if one.reached else ORANGE for one in group]
    axes.plot((min(margins), max(margins)), (place, place), color="#d5d9de", linewidth=5, zorder=2)
    axes.scatter(margins, [place] * len(group), s=55, color=colours, edgecolor="white", linewidth=0.6, zorder=3)
    low, high = (pick(group, key=margin) for pick in (min, max))
    text = " to ".join(dict.fromkeys(amount(one.measured or 0, one.unit) for one in (low, high)))
    middle = (min(margins) * max(margins)) ** 0.5
    side: dict[str, Any] = {
        "ha": "right" if middle > REACH / 10 else "left" if middle < 10 / REACH else "center",
        "va": "bottom",
    }
    axes.text(middle, place + 0.16, text, fontsize=10, bbox={"color": "white", "pad": 1}, zorder=4, **side)


def margin(one: Finding) -> float:
    """How far beyond what is demanded; 1 is just reached."""
    assert one.measured
    assert one.demanded
    return one.measured / one.demanded if one.at_least else one.demanded / one.measured
