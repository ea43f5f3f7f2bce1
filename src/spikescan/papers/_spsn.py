"""What the SPSN paper's experiments share: its neurons, its conditions, and a run of its recipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes

from spikescan.papers.experiment import Options, Run
from spikescan.papers.statistics import Sample
from spikescan.papers.training_runs import PROTOCOLS, training_run
from spikescan.training.style import GREEN, GREY, ORANGE

NEURONS = {"LIF": "lif", "SPSN-SB": "spsn-sb", "SPSN-GS": "spsn-gs", "non-spiking": "relu"}
COLOURS = {"LIF": ORANGE, "SPSN-SB": GREEN, "SPSN-GS": "#c23b3b", "non-spiking": GREY}
LIMITS = {"SPSN-SB": 0.4, "SPSN-GS": 0.1}
"""θ of the regulariser, as Table I has them."""

BASIC, AUGMENTED = "basic", "augmented"


def limited(limit: float) -> str:
    """The condition with augmentation and a spike-frequency limit θ."""
    return f"{AUGMENTED}, θ {limit:g}"


def changes_of(condition: str) -> dict[str, Any]:
    """What a condition changes in the recipe."""
    if condition == BASIC:
        return {}
    _, _, limit = condition.partition("θ ")
    return {"data.augment": True} | ({"loss.rate_limit": float(limit)} if limit else {})


def published_runs(cases: Sequence[tuple[str, str]], options: Options) -> list[Run]:
    """A run for each (neuron, condition), protocol and seed; all of a seed before the next."""
    return [
        spsn_run(neuron, condition, protocol, seed, options)
        for seed in range(options.seeds)
        for neuron, condition in cases
        for protocol in PROTOCOLS
    ]


def spsn_run(
    neuron: str,
    condition: str,
    protocol: str,
    seed: int,
    options: Options,
    more: Mapping[str, Any] | None = None,
    **how: Any,
) -> Run:
    """The same run wherever it is asked for, so that one experiment can take it over from another."""
    changes = {"neuron.name": NEURONS[neuron]} | changes_of(condition) | dict(more or {})
    labels = {"neuron": neuron, "condition": condition, "protocol": protocol, "seed": seed}
    return training_run("published", changes, labels, options, **how)


def bars(axes: Axes, place: float, found: Sample, width: float, colour: Any, digits: int = 1, **style: Any) -> None:
    """One bar with its value above, and its deviation; downwards at most to 0, since nothing here can be negative."""
    error = found.deviation or 0
    whiskers = [[min(error, found.mean)], [error]] if error else None
    axes.bar(place, found.mean, width, color=colour, yerr=whiskers, ecolor="#22262c", capsize=3, **style)
    axes.annotate(
        f"{found.mean:,.{digits}f}",
        (place, found.mean + error),
        xytext=(0, 3),
        textcoords="offset points",
        ha="center",
        fontsize=8.5,
    )


def mark_published(axes: Axes, place: float, width: float, value: float, deviation: float | None) -> None:
    """The published value: a line across the bar, with its deviation."""
    axes.hlines(
        value, place - width / 2, place + width / 2, color="black", linewidth=1.6, linestyle=(0, (2, 1)), zorder=5
    )
    if deviation:
        axes.fill_between(
            (place - width / 2, place + width / 2),
            value - deviation,
            value + deviation,
            color="black",
            alpha=0.13,
            zorder=4,
            lw=0,
        )
