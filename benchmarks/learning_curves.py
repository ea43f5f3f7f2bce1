"""Learning curves of several runs side by side, from the metrics.csv of their folders.

python benchmarks/learning_curves.py OUT.png TITLE LABEL=RUN [LABEL=RUN ...]
"""

import csv
import json
import sys
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from spikescan.training.style import BLUE, GREEN, ORANGE, SLATE, STYLE, plain_log

PANELS = {
    "train_loss": "Loss, with the regulariser",
    "train_accuracy": "Accuracy",
    "spikes_per_ms": "Spikes of the network / ms",
}


def read(run: Path) -> list[dict[str, float | None]]:
    with open(run / "metrics.csv", newline="") as file:
        return [{key: float(value) if value else None for key, value in row.items()} for row in csv.DictReader(file)]


def draw(title: str, runs: dict[str, Path]) -> Figure:
    figure = Figure(figsize=(13, 4.2), layout="constrained")
    panels = dict(zip(PANELS, figure.subplots(1, 3), strict=True))
    for (label, run), colour in zip(runs.items(), (GREEN, "#c23b3b", BLUE, ORANGE, SLATE), strict=False):
        rows, found = read(run), json.loads((run / "metrics.json").read_text())
        epochs = [row["epoch"] for row in rows]
        for key, axes in panels.items():
            axes.plot(epochs, [row[key] for row in rows], color=colour, label=f"{label}, training")
        accuracy = panels["train_accuracy"]
        if rows[-1]["validation_accuracy"] is not None:
            values = [row["validation_accuracy"] for row in rows]
            dashed = {"color": colour, "linestyle": (0, (4, 2)), "linewidth": 1.3}
            accuracy.plot(epochs, values, label=f"{label}, validation", **dashed)
        tested = {"color": colour, "markeredgecolor": "black", "clip_on": False, "zorder": 5}
        label = f"{label}, test: {found['test_accuracy']:.1%}"
        accuracy.plot(found["epoch"], found["test_accuracy"], "D", label=label, **tested)
    for key, axes in panels.items():
        axes.set(title=PANELS[key], xlabel="epoch")
    panels["train_loss"].set(yscale="log")
    plain_log(panels["train_loss"].yaxis)
    panels["train_accuracy"].set(ylim=(0, 1))
    panels["train_accuracy"].yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    panels["spikes_per_ms"].set(ylim=(0, None))
    figure.legend(*panels["train_accuracy"].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold", fontsize=14)
    return figure


if len(sys.argv) < 4 or not all("=" in argument for argument in sys.argv[3:]):
    sys.exit(__doc__)
with matplotlib.rc_context(STYLE):
    folders = {name: Path(run) for name, _, run in (each.partition("=") for each in sys.argv[3:])}
    draw(sys.argv[2], folders).savefig(sys.argv[1])
