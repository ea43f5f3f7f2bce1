"""map.png and rows.png."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from spikescan.bench.grid import PANELS, SKIPPED, Grid
from spikescan.bench.results import Finding
from spikescan.training.files import write_atomic
from spikescan.training.pictures import BLUE, GREY, INK, ORANGE, STYLE

COLOURS = LinearSegmentedColormap.from_list("slower to faster", [ORANGE, "#fbe3c8", "#ffffff", "#cfe0f2", BLUE])
DECADES = 3.0
"""The colours end at 1/1000 and 1000 times."""


def save(path: Path, draw: Callable[[], Figure]) -> Path:
    with matplotlib.rc_context(STYLE):
        picture = io.BytesIO()
        draw().savefig(picture, format="png")
    write_atomic(path, picture.getvalue())
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
        "How many times faster SPSN is, forward and backward of one layer; black line: as fast; hatched: loop too slow"
    )
    figure.suptitle(f"{title}\n{where}", x=0.01, ha="left", fontsize=12)
    return figure


def _axes(axes: Axes, found: Grid, title: str) -> None:
    axes.set_xticks(range(len(found.steps)), [f"{steps:,}" for steps in found.steps])
    axes.set_yticks(range(len(found.neurons)), [f"{count:,}" for count in found.neurons])
    axes.grid(False)
    axes.tick_params(length=0)
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
            dark = abs(np.log10(value)) > 0.6 * DECADES
            text = f"{value:.1f}×" if value < 10 else f"{value:,.0f}×"
            axes.text(column, row, text, ha="center", va="center", color="white" if dark else INK, fontsize=10)
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
    """Every demanded figure as a bar: measured over demanded (the other way round for "at most")."""
    known = [one for one in findings if one.measured and one.demanded]
    figure = Figure(figsize=(11, 1.6 + 0.3 * len(known)), layout="constrained")
    axes = figure.subplots()
    for place, one in enumerate(reversed(known)):
        assert one.measured is not None
        assert one.demanded is not None
        margin = one.measured / one.demanded if one.at_least else one.demanded / one.measured
        axes.barh(place, np.log10(margin), height=0.7, color=BLUE if one.reached else ORANGE)
        at = {"ha": "left" if margin >= 1 else "right", "va": "center", "fontsize": 9}
        axes.text(np.log10(margin), place, f" {value(one.measured, one.unit)} ", **at)
    axes.axvline(0, color=INK, linewidth=1.5)
    axes.set_yticks(range(len(known)), [f"{one.what}, {demand(one)}" for one in reversed(known)], fontsize=9)
    low, high = axes.get_xlim()
    ticks = range(int(np.floor(low)), int(np.ceil(high)) + 1)
    axes.set_xticks(list(ticks), [f"{10.0**tick:g}×" for tick in ticks])
    axes.set(
        xlabel="how far beyond (right) or short of (left) what is demanded", xlim=(min(low, -0.3) - 0.15, high + 0.4)
    )
    axes.grid(axis="y", visible=False)
    figure.suptitle(f"Measured against demanded\n{where}", x=0.01, ha="left", fontsize=12)
    return figure


def demand(one: Finding) -> str:
    if one.demanded is None:
        return "–"
    return f"{'at least' if one.at_least else 'at most'} {value(one.demanded, one.unit)}"


def value(number: float, unit: str) -> str:
    """A figure in as many digits as it needs."""
    digits = f"{number:,.0f}" if number >= 100 else f"{number:.3g}"
    return f"{digits}{unit}"
