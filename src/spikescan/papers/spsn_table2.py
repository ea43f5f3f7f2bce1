"""SPSN Table II and Figure 3: accuracy, training time and spike frequency of four networks under three conditions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from spikescan.papers import targets
from spikescan.papers._spsn import (
    AUGMENTED,
    BASIC,
    COLOURS,
    LIMITS,
    NEURONS,
    bars,
    limited,
    mark_published,
    published_runs,
)
from spikescan.papers.experiment import Experiment, Options, Picture, Report, Result, Run, Table
from spikescan.papers.statistics import Comparison, Sample, compare
from spikescan.papers.tables import NONE, comparison_table, pivot
from spikescan.papers.training_runs import PROTOCOLS

NAME = "spsn-table2"
CASES = [(neuron, condition) for neuron in NEURONS for condition in (BASIC, AUGMENTED)]
CASES += [(neuron, limited(limit)) for neuron, limit in LIMITS.items()]
BY = ("protocol", "neuron", "condition")
QUANTITIES = {"test_accuracy": 100.0, "train_accuracy": 100.0, "seconds_per_epoch": 1.0, "spikes_per_ms": 1.0}


def runs(options: Options) -> list[Run]:
    return published_runs(CASES, options)


def report(results: Sequence[Result], options: Options) -> Report:
    found = {
        name: compare(results, name, BY, targets.of(NAME), comparable=options.comparable, scale=scale)
        for name, scale in QUANTITIES.items()
    }
    tables = [_form(found["test_accuracy"], protocol) for protocol in PROTOCOLS]
    tables += [
        comparison_table("Test accuracy", found["test_accuracy"], "%"),
        comparison_table("Training accuracy, last or chosen epoch", found["train_accuracy"], "%"),
        comparison_table("Spikes of the network each millisecond", found["spikes_per_ms"], "spikes/ms"),
        comparison_table("Seconds per epoch", found["seconds_per_epoch"], "s", note=_timing(results)),
        _speed(found["seconds_per_epoch"]),
    ]
    pictures = [
        Picture(f"figure3-{protocol}", _caption(protocol), partial(_figure, found, protocol))
        for protocol in PROTOCOLS
        if any(one.labels["protocol"] == protocol for one in found["test_accuracy"])
    ]
    return Report(tables, pictures, [one for comparisons in found.values() for one in comparisons])


def _of(comparisons: Sequence[Comparison], protocol: str) -> list[Comparison]:
    return [one for one in comparisons if one.labels["protocol"] == protocol]


def _form(accuracy: Sequence[Comparison], protocol: str) -> Table:
    """Table II in its own form: any limit θ is the third column."""
    renamed = [
        Comparison(
            one.quantity,
            dict(one.labels) | {"condition": _column(str(one.labels["condition"]))},
            one.ours,
            one.target,
            one.comparable,
        )
        for one in _of(accuracy, protocol)
    ]
    return pivot(
        f"Table II, {protocol} protocol", renamed, "neuron", "condition", note="Test accuracy in %, here [published]."
    )


def _column(condition: str) -> str:
    return condition if condition in (BASIC, AUGMENTED) else "augmented + regularised"


def _timing(results: Sequence[Result]) -> str:
    devices = sorted({result.device for result in results})
    known = targets.of(NAME).device
    return f"One pass over the training set, evaluation excluded. Here: {'; '.join(devices)}. Published: {known}."


def _speed(seconds: Sequence[Comparison]) -> Table:
    """How many times longer an LIF epoch takes."""
    rows = []
    for protocol in PROTOCOLS:
        times = {
            str(one.labels["neuron"]): one for one in _of(seconds, protocol) if one.labels["condition"] == AUGMENTED
        }
        for neuron in LIMITS:
            if neuron in times and "LIF" in times:
                lif, ours = times["LIF"], times[neuron]
                known = (
                    NONE if lif.target is None or ours.target is None else f"{lif.target.value / ours.target.value:.1f}"
                )
                rows.append([protocol, neuron, f"{lif.ours.mean / ours.ours.mean:.1f}", known])
    return Table("Seconds per epoch, LIF over SPSN (augmented)", ["protocol", "neuron", "here", "published"], rows)


def _caption(protocol: str) -> str:
    return (
        f"Figure 3, {protocol} protocol. A: training accuracy, B: test accuracy, without and with augmentation; "
        "C: seconds per epoch, D: spikes per millisecond, both with augmentation. "
        "Bars are means over seeds with their deviation, broken lines the published values with theirs."
    )


def _figure(found: dict[str, list[Comparison]], protocol: str) -> Figure:
    figure = Figure(figsize=(11.5, 8), layout="constrained")
    panels = figure.subplots(2, 2)
    grouped = {"train_accuracy": "A  Training accuracy", "test_accuracy": "B  Test accuracy"}
    for axes, (name, title) in zip(panels[0], grouped.items(), strict=True):
        _pairs(axes, _of(found[name], protocol), title)
    single = {
        "seconds_per_epoch": ("C  Training duration", "seconds per epoch"),
        "spikes_per_ms": ("D  Spike frequency", "spikes / ms"),
    }
    for axes, (name, (title, unit)) in zip(panels[1], single.items(), strict=True):
        augmented = [one for one in _of(found[name], protocol) if one.labels["condition"] == AUGMENTED]
        spiking = [one for one in augmented if one.labels["neuron"] != "non-spiking"]
        _singles(axes, spiking, title, unit, with_published=name != "seconds_per_epoch")
    shades = [Patch(color="#8a8f98", alpha=0.45, label="basic"), Patch(color="#8a8f98", label="augmented")]
    line = Line2D([], [], color="black", linewidth=1.6, linestyle=(0, (2, 1)), label="published, SHD")
    figure.legend(handles=[*shades, line], loc="outside lower center", ncols=3)
    figure.suptitle(f"SPSN, Figure 3 – {protocol} protocol", x=0.01, ha="left", fontweight="bold", fontsize=14)
    return figure


def _pairs(axes: Axes, comparisons: Sequence[Comparison], title: str) -> None:
    neurons = [neuron for neuron in NEURONS if any(one.labels["neuron"] == neuron for one in comparisons)]
    for one in comparisons:
        if one.labels["condition"] in (BASIC, AUGMENTED):
            neuron, basic = str(one.labels["neuron"]), one.labels["condition"] == BASIC
            place = neurons.index(neuron) + (-0.2 if basic else 0.2)
            bars(axes, place, one.ours, 0.38, COLOURS[neuron], alpha=0.45 if basic else 1)
            _published(axes, place, 0.38, one)
    axes.set_xticks(range(len(neurons)), neurons)
    axes.set(title=title, ylabel="accuracy, %", ylim=(0, 112), yticks=range(0, 101, 20))
    axes.grid(False, axis="x")


def _singles(axes: Axes, comparisons: Sequence[Comparison], title: str, unit: str, with_published: bool) -> None:
    """Published seconds are of another machine: they stand in the table, not beside these bars."""
    for place, one in enumerate(comparisons):
        bars(axes, place, one.ours, 0.55, COLOURS[str(one.labels["neuron"])], digits=_digits(one.ours))
        if with_published:
            _published(axes, place, 0.55, one)
    axes.set_xticks(range(len(comparisons)), [str(one.labels["neuron"]) for one in comparisons])
    axes.set(title=title, ylabel=unit)
    axes.margins(y=0.15)
    axes.grid(False, axis="x")


def _published(axes: Axes, place: float, width: float, one: Comparison) -> None:
    if one.target is not None:
        mark_published(axes, place, width, one.target.value, one.target.deviation)


def _digits(found: Sample) -> int:
    return 2 if found.mean < 10 else 1


EXPERIMENT = Experiment(
    NAME, "Accuracy, training time and spikes of LIF, SPSN and a non-spiking network", "spsn", runs, report, needs="shd"
)
