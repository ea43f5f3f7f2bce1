"""MPE-PSN Figure 3: does the estimation loss bring estimate and membrane together; how often each layer spikes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spikescan.papers import _mpe, targets
from spikescan.papers._mpe import mean_curve
from spikescan.papers._spsn import bars, mark_published
from spikescan.papers.experiment import Experiment, Options, Picture, Report, Result, Run, Table, Workplace
from spikescan.papers.statistics import Comparison, compare, grouped
from spikescan.papers.tables import NONE, comparison_table
from spikescan.papers.training_runs import PROTOCOLS, history, train, trained
from spikescan.training.networks import Network
from spikescan.training.style import BLUE, GREEN, GREY

NAME = "mpe-fig3"
WITH, WITHOUT, HELD, NONE_OF_IT = "with L_mem", "without L_mem", "with L_mem, λ 0.5, κ held", "no estimate"
CONDITIONS: dict[str, dict[str, Any]] = {
    WITH: {},
    WITHOUT: {"loss.estimation_weight": 0.0},
    HELD: {"loss.estimation_weight": 0.5, "loss.learn_kappa": False},
}
"""The first two are the paper's."""
CASES = [("MPE-PSN", condition, changes) for condition, changes in CONDITIONS.items()] + [("LIF", NONE_OF_IT, {})]
COLOURS = {WITH: GREEN, WITHOUT: GREY, HELD: BLUE}
BY = ("protocol", "neuron", "condition")
ESTIMATE, MEMBRANE = "estimate to membrane", "membrane to that of LIF"


def runs(options: Options) -> list[Run]:
    return [
        _mpe.mpe_run(
            {"neuron.name": _mpe.NEURONS[neuron], "loss.watch_membrane": neuron == "MPE-PSN"} | changes,
            {"neuron": neuron, "condition": condition, "protocol": protocol, "seed": seed},
            options,
            work=train_and_watch,
        )
        for seed in range(options.seeds)
        for neuron, condition, changes in CASES
        for protocol in PROTOCOLS
    ]


def train_and_watch(settings: dict[str, Any], place: Workplace) -> dict[str, Any]:
    """Train; then both distances and κ, epoch by epoch, of all layers together."""
    summary = train(settings, place)
    rows = history(place)
    kept = ("test_accuracy", "best_test_accuracy", "elapsed_seconds", "spike_rate")
    accuracy = "validation_accuracy" if summary["protocol"] == "held-out" else "test_accuracy"
    found = {key: summary[key] for key in kept} | {"accuracy": [row[accuracy] for row in rows]}
    if summary["neuron"] == _mpe.NEURONS["LIF"]:
        return found
    stuff, network = trained(settings, place)
    batch = stuff.maker("test")(stuff.splits["test"].indices[:1], 0).to(place.device)
    weights = _weights(network, batch.events)
    return found | {
        ESTIMATE: [_sum(row, "distance", weights) for row in rows],
        MEMBRANE: [_sum(row, "membrane", [1.0] * len(weights)) for row in rows],
        "kappa": [_sum(row, "kappa", [1 / len(weights)] * len(weights)) for row in rows],
    }


@torch.no_grad()
def _weights(network: Network, events: Any) -> list[float]:
    """By which a layer's root mean square is its norm: the root of its neurons times the steps that L_mem counts."""
    layers = network.run(events, seed=0).layers
    sizes = [layer.spikes[0, 0].numel() for layer in layers if layer.spikes is not None]
    counted = [len(neuron.kappa) for neuron in network.neurons]  # type: ignore[arg-type]
    return [math.sqrt(size * steps) for size, steps in zip(sizes, counted, strict=True)]


def _sum(row: Mapping[str, float | None], name: str, weights: Sequence[float]) -> float:
    return sum(weight * (row[f"{name}_layer{k}"] or 0.0) for k, weight in enumerate(weights))


def report(results: Sequence[Result], options: Options) -> Report:
    known = targets.of(NAME)
    best, last = (
        compare(results, name, BY, known, comparable=options.comparable, scale=100)
        for name in ("best_test_accuracy", "test_accuracy")
    )
    rates = _rates(results, options)
    tables = [
        comparison_table("Test accuracy of the best epoch, chosen on the test samples", best, "%"),
        comparison_table("Test accuracy of the last epoch (published) or of the chosen one (held-out)", last, "%"),
        _distances(results),
        comparison_table("Spike rate of the trained network, by layer", rates, "%"),
    ]
    pictures = [
        Picture(f"figure3-{protocol}", _caption(protocol), partial(_figure, results, rates, protocol))
        for protocol in dict.fromkeys(str(one.labels["protocol"]) for one in results)
    ]
    return Report(tables, pictures, [*best, *last, *rates], _mpe.remarks(options, _mpe.KAPPA))


def _rates(results: Sequence[Result], options: Options) -> list[Comparison]:
    """Spikes a neuron and step, by layer, with L_mem and of LIF; published for the gesture network alone."""
    assert options.recordings is not None
    known = targets.of(NAME)
    if options.recordings.name != "dvsgesture":
        known = known.model_copy(update={"values": []})
    layered = [
        Result({**one.labels, "layer": k + 1}, {"spike_rate": rate}, one.device)
        for one in results
        if one.labels["condition"] in (WITH, NONE_OF_IT)
        for k, rate in enumerate(one.values["spike_rate"])
    ]
    by = ("protocol", "neuron", "layer")
    return compare(layered, "spike_rate", by, known, comparable=options.comparable, scale=100)


def _distances(results: Sequence[Result]) -> Table:
    rows = []
    for (protocol, condition), members in grouped(_estimating(results), ("protocol", "condition")).items():
        ends = []
        for name in (ESTIMATE, MEMBRANE, "kappa"):
            curve = mean_curve([one.values[name] for one in members])
            ends += [f"{curve[0]:,.4g}", f"{curve[-1]:,.4g}"] if curve else [NONE, NONE]
        rows.append([str(protocol), str(condition), *ends])
    names = ("Σ‖û − u‖", "Σ‖v − u‖", "κ")
    columns = ["protocol", "condition", *(f"{name}, {end} epoch" for name in names for end in ("first", "last"))]
    note = (
        "û estimate, u membrane, v membrane of a sequential LIF under the same currents; norms of all steps and "
        "neurons (û − u) or of each step's neurons, added up over the steps (v − u), of a sample, summed over the "
        "layers. κ: mean."
    )
    return Table("Distances on the samples that are watched after each epoch", columns, rows, note)


def _estimating(results: Sequence[Result]) -> list[Result]:
    return [one for one in results if one.labels["neuron"] == "MPE-PSN"]


def _caption(protocol: str) -> str:
    watched = "validation" if protocol == "held-out" else "test"
    return (
        f"Figure 3, {protocol} protocol, means over seeds. a: accuracy on the {watched} samples. b: distance of the "
        "estimate û from the membrane u. c: distance of u from the membrane v of a sequential LIF under the same "
        "currents. Both are scaled to 0 … 1 over all curves of their panel. d: κ, the learned weight of L_mem. e: "
        "spike rate by layer with L_mem, and of LIF; broken lines: published for DVS128 Gesture."
    )


def _figure(results: Sequence[Result], rates: Sequence[Comparison], protocol: str) -> Figure:
    members = [one for one in results if one.labels["protocol"] == protocol]
    figure = Figure(figsize=(13, 8), layout="constrained")
    panels = figure.subplot_mosaic([["a", "b", "c"], ["d", "e", "e"]])
    shown = {"a": ("accuracy", "Accuracy"), "b": (ESTIMATE, "Estimate to membrane, ‖û − u‖")}
    shown |= {"c": (MEMBRANE, "Membrane to that of LIF, ‖v − u‖"), "d": ("kappa", "κ, mean of the layers")}
    for letter, (name, title) in shown.items():
        _curves(panels[letter], _estimating(members), name, scaled=letter in "bc")
        panels[letter].set(title=f"{letter}  {title}", xlabel="epoch")
    panels["a"].set(ylabel="accuracy, %", ylim=(0, 103))
    panels["b"].set_ylabel("scaled to 0 … 1")
    _rate_bars(panels["e"], [one for one in rates if one.labels["protocol"] == protocol])
    figure.legend(*panels["a"].get_legend_handles_labels(), loc="outside lower left", ncols=3)
    figure.legend(*panels["e"].get_legend_handles_labels(), loc="outside lower right", ncols=3)
    figure.suptitle(
        f"MPE-PSN, Figure 3 – with and without L_mem, {protocol} protocol",
        x=0.01,
        ha="left",
        fontweight="bold",
        fontsize=14,
    )
    return figure


def _curves(axes: Axes, members: Sequence[Result], name: str, scaled: bool) -> None:
    groups = grouped(members, ("condition",)).items()
    curves = {
        condition: np.array(mean_curve([one.values[name] for one in several])) for (condition,), several in groups
    }
    if scaled and curves:
        every = np.concatenate(list(curves.values()))
        low, high = every.min(), every.max()
        curves = {condition: (curve - low) / ((high - low) or 1) for condition, curve in curves.items()}
    factor = 100 if name == "accuracy" else 1
    for condition, curve in curves.items():
        style = {"marker": "o", "markersize": 4} if len(curve) < 30 else {}
        axes.plot(range(1, len(curve) + 1), factor * curve, color=COLOURS[str(condition)], label=condition, **style)


def _rate_bars(axes: Axes, rates: Sequence[Comparison]) -> None:
    neurons = list(dict.fromkeys(str(one.labels["neuron"]) for one in rates))
    for one in rates:
        neuron = str(one.labels["neuron"])
        place = int(one.labels["layer"]) + 0.4 * (neurons.index(neuron) - 0.5 * (len(neurons) - 1))
        bars(axes, place, one.ours, 0.38, _mpe.COLOURS[neuron])
        if one.target is not None:
            mark_published(axes, place, 0.38, one.target.value, None)
    for neuron in neurons:
        axes.bar(1, 0, color=_mpe.COLOURS[neuron], label=neuron)
    if any(one.target is not None for one in rates):
        axes.plot([], [], color="black", linewidth=1.6, linestyle=(0, (2, 1)), label="published")
    axes.set_xticks(sorted({int(one.labels["layer"]) for one in rates}))
    axes.set(title="e  Spike rate by layer", xlabel="layer", ylabel="spikes a neuron and step, %")
    axes.margins(y=0.15)
    axes.grid(False, axis="x")


EXPERIMENT = Experiment(
    NAME,
    "Accuracy and distances with and without the estimation loss; spike rate by layer",
    "mpe-psn",
    runs,
    report,
    needs="dvsgesture",
    others=("nmnist",),
    seeds=1,
    quick_seeds=1,
)
