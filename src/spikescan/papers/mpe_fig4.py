"""MPE-PSN Figure 4: the loss around the trained networks, and how they learn; LIF beside MPE-PSN in the same VGG."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from spikescan.papers import _mpe, targets
from spikescan.papers._landscape import landscape
from spikescan.papers._mpe import mean_curve
from spikescan.papers.experiment import Experiment, Options, Picture, Report, Result, Run, Table, Workplace
from spikescan.papers.statistics import compare, grouped
from spikescan.papers.tables import comparison_table
from spikescan.papers.training_runs import PROTOCOLS, history, train, trained

NAME = "mpe-fig4"
SETTINGS = {"data.frames": 4, "training.mixup": 0.0}
"""As table 1's run with four steps."""
PLANE = {"points": 25, "reach": 1.0, "each": 20}
QUICK_PLANE = {"points": 9, "reach": 1.0, "each": 3}
LEVELS = 14
BY = ("protocol", "neuron")


def runs(options: Options) -> list[Run]:
    return [
        _mpe.mpe_run(
            SETTINGS | {"neuron.name": name},
            {"neuron": neuron, "protocol": protocol, "seed": seed},
            options,
            work=train_and_look,
            plane=QUICK_PLANE if options.quick else PLANE,
        )
        for seed in range(options.seeds)
        for neuron, name in _mpe.NEURONS.items()
        for protocol in PROTOCOLS
    ]


def train_and_look(settings: dict[str, Any], place: Workplace) -> dict[str, Any]:
    """Train; then the loss on the plane around the weights that were chosen."""
    summary = train(settings, place)
    rows = history(place)
    watched = "validation_accuracy" if summary["protocol"] == "held-out" else "test_accuracy"
    stuff, network = trained(settings, place)
    seed = settings["recipe"]["seed"]
    losses = landscape(
        network, stuff, settings["plane"], seed, place.device, place.folder / "landscape.json", place.say
    )
    return {key: summary[key] for key in ("best_test_accuracy", "test_accuracy", "elapsed_seconds")} | {
        "accuracy": [row[watched] for row in rows],
        "train_loss": [row["train_loss"] for row in rows],
        "reach": settings["plane"]["reach"],
        "losses": losses,
    }


def report(results: Sequence[Result], options: Options) -> Report:
    best, last = (
        compare(results, name, BY, targets.of(NAME), comparable=options.comparable, scale=100)
        for name in ("best_test_accuracy", "test_accuracy")
    )
    tables = [
        comparison_table("Test accuracy of the best epoch, chosen on the test samples", best, "%"),
        comparison_table("Test accuracy of the last epoch (published) or of the chosen one (held-out)", last, "%"),
        _around(results),
    ]
    pictures = [
        Picture(f"figure4-{protocol}", _caption(protocol), partial(_figure, results, protocol))
        for protocol in dict.fromkeys(str(one.labels["protocol"]) for one in results)
    ]
    return Report(tables, pictures, [*best, *last], _mpe.remarks(options))


def _around(results: Sequence[Result]) -> Table:
    rows = []
    for (protocol, neuron), members in grouped(results, BY).items():
        losses = np.array([one.values["losses"] for one in members]).mean(0)
        middle = losses[len(losses) // 2, len(losses) // 2]
        edge = np.concatenate([losses[0], losses[-1], losses[1:-1, 0], losses[1:-1, -1]]).mean()
        rows.append([str(protocol), str(neuron), f"{middle:.4f}", f"{losses.min():.4f}", f"{edge:.4f}"])
    columns = ["protocol", "neuron", "at the weights", "lowest on the plane", "mean of its border"]
    note = "Of training samples, without augmentation; means over seeds. Random directions, filter-normalised."
    return Table("Training loss around the trained weights", columns, rows, note)


def _caption(protocol: str) -> str:
    watched = "validation" if protocol == "held-out" else "test"
    return (
        f"Figure 4, {protocol} protocol. a, b: training loss on a plane of two random, filter-normalised directions "
        "around the trained weights (cross) of the first seed; the same levels in both. c, d: training loss and "
        f"accuracy on the {watched} samples by epoch, means over seeds; broken lines: the published best accuracies."
    )


def _figure(results: Sequence[Result], protocol: str) -> Figure:
    members = {neuron: several for (kind, neuron), several in grouped(results, BY).items() if kind == protocol}
    figure = Figure(figsize=(12, 9.5), layout="constrained")
    panels = figure.subplots(2, 2)
    planes = {neuron: np.array(several[0].values["losses"]) for neuron, several in members.items()}
    levels = _levels(np.concatenate([plane.ravel() for plane in planes.values()]))
    for axes, letter, (neuron, plane) in zip(panels[0], "ab", planes.items()):
        _contours(axes, plane, members[neuron][0].values["reach"], levels)
        axes.set(title=f"{letter}  {neuron}: training loss", xlabel="first direction", ylabel="second direction")
    for axes, name in zip(panels[1], ("train_loss", "accuracy"), strict=True):
        for neuron, several in members.items():
            _line(axes, np.array(mean_curve([one.values[name] for one in several])), str(neuron), name)
    panels[1, 0].set(title="c  Training loss", xlabel="epoch", ylabel="loss")
    panels[1, 1].set(title="d  Accuracy", xlabel="epoch", ylabel="accuracy, %", ylim=(0, 103))
    _published(panels[1, 1])
    panels[1, 0].legend()
    panels[1, 1].legend()
    figure.suptitle(
        f"MPE-PSN, Figure 4 – loss contours and learning, {protocol} protocol",
        x=0.01,
        ha="left",
        fontweight="bold",
        fontsize=14,
    )
    return figure


def _levels(losses: np.ndarray) -> np.ndarray:
    low, high = max(losses.min(), 1e-6), losses.max()
    return np.geomspace(low, max(high, low * 1.01), LEVELS)


def _contours(axes: Axes, losses: np.ndarray, reach: float, levels: np.ndarray) -> None:
    places = np.linspace(-reach, reach, len(losses))
    norm = LogNorm(levels[0], levels[-1])
    axes.contourf(places, places, losses, levels, cmap="viridis", norm=norm, alpha=0.55, extend="both")
    lines = axes.contour(places, places, losses, levels, cmap="viridis", norm=norm, linewidths=1)
    axes.clabel(lines, fmt="%.3g", fontsize=8, colors="#22262c")
    axes.plot(0, 0, "+", color="black", markersize=11, markeredgewidth=1.6)
    axes.set(aspect="equal", xticks=np.linspace(-reach, reach, 5), yticks=np.linspace(-reach, reach, 5))
    axes.grid(False)


def _line(axes: Axes, curve: np.ndarray, neuron: str, name: str) -> None:
    style: dict[str, Any] = {"marker": "o", "markersize": 4} if len(curve) < 30 else {}
    factor = 100 if name == "accuracy" else 1
    axes.plot(range(1, len(curve) + 1), factor * curve, color=_mpe.COLOURS[neuron], label=neuron, **style)


def _published(axes: Axes) -> None:
    for neuron, colour in _mpe.COLOURS.items():
        known = targets.of(NAME).find("best_test_accuracy", {"neuron": neuron})
        if known is not None:
            axes.axhline(known.value, color=colour, linewidth=1.3, linestyle=(0, (4, 3)))
    axes.plot([], [], color="#22262c", linewidth=1.3, linestyle=(0, (4, 3)), label="published, best epoch")


EXPERIMENT = Experiment(
    NAME,
    "Loss contours and learning of MPE-PSN and LIF in the same VGG",
    "mpe-psn",
    runs,
    report,
    needs="cifar10dvs",
    seeds=1,
    quick_seeds=1,
)
