"""SPSN Figure 4: accuracy against spike frequency, as the regulariser's limit θ forces the spikes down."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spikescan.papers import targets
from spikescan.papers._spsn import AUGMENTED, COLOURS, LIMITS, limited, published_runs
from spikescan.papers.experiment import Experiment, Options, Picture, Report, Result, Run
from spikescan.papers.statistics import Comparison, compare
from spikescan.papers.tables import comparison_table
from spikescan.papers.training_runs import PROTOCOLS

NAME = "spsn-fig4"
THETAS = (0.01, 0.03, 0.06, 0.08, 0.1, 0.2, 0.4, 0.6)
QUICK_THETAS = (0.01, 0.1, 0.4)
BY = ("protocol", "neuron", "condition")
QUANTITIES = {"test_accuracy": (100.0, "%"), "spikes_per_ms": (1.0, "spikes/ms"), "seconds_per_epoch": (1.0, "s")}


def runs(options: Options) -> list[Run]:
    thetas = QUICK_THETAS if options.quick else THETAS
    cases = [("LIF", AUGMENTED)] + [(neuron, limited(theta)) for neuron in LIMITS for theta in thetas]
    return published_runs(cases, options)


def report(results: Sequence[Result], options: Options) -> Report:
    found = {
        name: compare(results, name, BY, targets.of(NAME), comparable=options.comparable, scale=scale)
        for name, (scale, _) in QUANTITIES.items()
    }
    titles = ("Test accuracy", "Spikes of the network per millisecond", "Seconds per epoch")
    tables = [
        comparison_table(title, found[name], QUANTITIES[name][1])
        for title, name in zip(titles, QUANTITIES, strict=True)
    ]
    caption = (
        "Figure 4: test accuracy against spikes per millisecond, for one limit θ (written beside each point) after "
        "the other, with augmentation; LIF beside. Points are means over seeds, whiskers deviations, diamonds the "
        "published best points and LIF."
    )
    comparisons = [one for every in found.values() for one in every]
    return Report(tables, [Picture("figure4", caption, lambda: _figure(found))], comparisons)


def _figure(found: dict[str, list[Comparison]]) -> Figure:
    figure = Figure(figsize=(12, 5.2), layout="constrained")
    for axes, protocol in zip(figure.subplots(1, 2, sharey=True), PROTOCOLS, strict=True):
        for neuron in ("LIF", *LIMITS):
            spikes, accuracy = (_points(found[name], protocol, neuron) for name in ("spikes_per_ms", "test_accuracy"))
            _curve(axes, spikes, accuracy, neuron)
        axes.set(title=f"{protocol} protocol", xlabel="spikes / ms in the network", xlim=(0, None))
    figure.axes[0].set_ylabel("test accuracy, %")
    figure.axes[0].set_ylim(bottom=max(figure.axes[0].get_ylim()[0], 0))
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    figure.suptitle(
        "SPSN, Figure 4 – accuracy against spike frequency", x=0.01, ha="left", fontweight="bold", fontsize=14
    )
    return figure


def _points(comparisons: Sequence[Comparison], protocol: str, neuron: str) -> list[Comparison]:
    return [one for one in comparisons if (one.labels["protocol"], one.labels["neuron"]) == (protocol, neuron)]


def _curve(axes: Axes, spikes: list[Comparison], accuracy: list[Comparison], neuron: str) -> None:
    pairs = sorted(zip(spikes, accuracy, strict=True), key=lambda pair: pair[0].ours.mean)
    style = {"fmt": "*", "markersize": 15} if neuron == "LIF" else {"fmt": "o-", "markersize": 5, "linewidth": 1.6}
    axes.errorbar(
        [x.ours.mean for x, _ in pairs],
        [y.ours.mean for _, y in pairs],
        xerr=[x.ours.deviation or 0 for x, _ in pairs],
        yerr=[y.ours.deviation or 0 for _, y in pairs],
        color=COLOURS[neuron],
        label=neuron,
        elinewidth=1,
        capsize=2.5,
        **style,  # type: ignore[arg-type]
    )
    for x, y in pairs:
        if theta := str(x.labels["condition"]).partition("θ ")[2]:
            axes.annotate(
                theta,
                (x.ours.mean, y.ours.mean),
                xytext=(5, -11),
                textcoords="offset points",
                fontsize=8,
                color=COLOURS[neuron],
            )
        if x.target is not None and y.target is not None:
            axes.plot(
                x.target.value,
                y.target.value,
                "D",
                color=COLOURS[neuron],
                markeredgecolor="black",
                alpha=0.55,
                markersize=7,
            )
    if neuron == "LIF":
        axes.plot([], [], "D", color="#8a8f98", markeredgecolor="black", alpha=0.55, label="published, SHD")


EXPERIMENT = Experiment(
    NAME, "Accuracy against spike frequency under the regulariser", "spsn", runs, report, needs="shd"
)
