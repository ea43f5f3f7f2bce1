"""SPSN Figure 2: the last, the largest or the mean potential of the readout; one hidden layer, both τ 1 ms."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from spikescan.papers import targets
from spikescan.papers._spsn import COLOURS, NEURONS, bars
from spikescan.papers.experiment import Experiment, Options, Picture, Report, Result, Run
from spikescan.papers.statistics import Comparison, compare
from spikescan.papers.tables import comparison_table, pivot
from spikescan.papers.training_runs import PROTOCOLS, training_run

NAME = "spsn-fig2"
READOUTS = ("last", "max", "mean")
SPIKING = ("LIF", "SPSN-SB", "SPSN-GS")
SETTINGS = {
    "network.hidden": [128],
    "neuron.tau_mem": 1e-3,
    "neuron.tau_syn": 1e-3,
    "network.readout_tau_mem": 1e-3,
    "network.readout_tau_syn": 1e-3,
}


def runs(options: Options) -> list[Run]:
    return [
        training_run(
            "published",
            SETTINGS | {"neuron.name": NEURONS[neuron], "loss.readout": readout},
            {"neuron": neuron, "readout": readout, "protocol": protocol, "seed": seed},
            options,
        )
        for seed in range(options.seeds)
        for neuron in SPIKING
        for readout in READOUTS
        for protocol in PROTOCOLS
    ]


def report(results: Sequence[Result], options: Options) -> Report:
    by = ("protocol", "neuron", "readout")
    found = compare(results, "test_accuracy", by, targets.of(NAME), comparable=options.comparable, scale=100)
    tables = [
        pivot(f"Test accuracy in %, {protocol} protocol", _of(found, protocol), "neuron", "readout")
        for protocol in PROTOCOLS
    ]
    tables.append(comparison_table("Test accuracy", found, "%"))
    caption = (
        "Figure 2: test accuracy where the loss sees the readout's last potential, its largest or its mean over time. "
        "One hidden layer of 128, both time constants 1 ms. Means over seeds with their deviation."
    )
    remark = (
        "The paper does not say which neurons it compared the readouts with, nor with which values apart from the time "
        "constants; here they are those of its Table I, and all three spiking neurons are shown."
    )
    return Report(tables, [Picture("figure2", caption, lambda: _figure(found))], found, [remark])


def _of(found: Sequence[Comparison], protocol: str) -> list[Comparison]:
    return [one for one in found if one.labels["protocol"] == protocol]


def _figure(found: Sequence[Comparison]) -> Figure:
    figure = Figure(figsize=(11.5, 4.6), layout="constrained")
    for axes, protocol in zip(figure.subplots(1, 2, sharey=True), PROTOCOLS, strict=True):
        for one in _of(found, protocol):
            neuron = str(one.labels["neuron"])
            place = READOUTS.index(str(one.labels["readout"])) + 0.27 * (SPIKING.index(neuron) - 1)
            bars(axes, place, one.ours, 0.25, COLOURS[neuron])
        for neuron in SPIKING:
            axes.bar(0, 0, color=COLOURS[neuron], label=neuron)
        axes.set_xticks(
            range(len(READOUTS)), [f"{readout} over time" if readout != "last" else "last step" for readout in READOUTS]
        )
        axes.set(title=f"{protocol} protocol")
        axes.grid(False, axis="x")
        axes.margins(y=0.15)
        axes.set_ylim(bottom=0)
    figure.axes[0].set_ylabel("test accuracy, %")
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    figure.suptitle(
        "SPSN, Figure 2 – which potential of the readout decides", x=0.01, ha="left", fontweight="bold", fontsize=14
    )
    return figure


EXPERIMENT = Experiment(NAME, "Last, largest or mean potential of the readout", "spsn", runs, report, needs="shd")
