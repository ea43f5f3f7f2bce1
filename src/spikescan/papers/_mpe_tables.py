"""Tables 1 and 2 of the MPE-PSN paper: accuracies of one neuron on several sets, best and last epoch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from matplotlib.figure import Figure

from spikescan.papers import _mpe, targets
from spikescan.papers._spsn import bars, mark_published
from spikescan.papers.experiment import Options, Picture, Report, Result, Run, Table
from spikescan.papers.recordings import TITLES
from spikescan.papers.statistics import Comparison, compare
from spikescan.papers.tables import NONE, comparison_table, sample, target
from spikescan.papers.training_runs import PROTOCOLS
from spikescan.training.style import BLUE, GREEN, GREY

Case = tuple[str, int, Mapping[str, Any]]
"""Data set, steps, changes of its recipe."""
BY = ("protocol", "set", "steps")
BEST, LAST, HELD_OUT = "best epoch, published protocol", "last epoch, published protocol", "held-out protocol"
BARS = {BEST: GREEN, LAST: BLUE, HELD_OUT: GREY}
Cells = dict[tuple[str, str, int], Comparison]
"""By what is shown, data set and steps."""


def declared(name: str, cases: Sequence[Case], *remarks: str) -> tuple[Callable[..., list[Run]], Callable[..., Report]]:
    """The runs and the report of one table."""
    return partial(_runs, cases), partial(_report, name, remarks)


def _runs(cases: Sequence[Case], options: Options) -> list[Run]:
    return [
        _mpe.mpe_run(changes, {"set": data, "steps": steps, "protocol": protocol, "seed": seed}, options, data=data)
        for seed in range(options.seeds)
        for data, steps, changes in cases
        for protocol in PROTOCOLS
    ]


def _report(name: str, remarks: Sequence[str], results: Sequence[Result], options: Options) -> Report:
    def found(quantity: str, scale: float = 100) -> list[Comparison]:
        return compare(results, quantity, BY, targets.of(name), comparable=options.comparable, scale=scale)

    best, last, seconds = found("best_test_accuracy"), found("test_accuracy"), found("seconds_per_epoch", 1)
    cells: Cells = {_cell(BEST, one): one for one in best}
    cells |= {_cell(LAST if one.labels["protocol"] == "published" else HELD_OUT, one): one for one in last}
    where = targets.of(name).where.partition(",")[0]
    tables = [
        _form(where, cells),
        comparison_table("Test accuracy of the best epoch, chosen on the test samples", best, "%"),
        comparison_table("Test accuracy of the last epoch (published) or of the chosen one (held-out)", last, "%"),
        comparison_table("Seconds an epoch", seconds, "s", note="One pass over the training set."),
    ]
    caption = (
        f"{where}: test accuracy of MPE-PSN, means over seeds with their deviation. Broken lines: the published "
        "values of the best and of the last epoch."
    )
    picture = Picture(where.lower().replace(" ", ""), caption, lambda: _figure(where, cells))
    return Report(tables, [picture], [*best, *last, *seconds], _mpe.remarks(options, *remarks))


def _cell(shown: str, one: Comparison) -> tuple[str, str, int]:
    return shown, str(one.labels["set"]), int(one.labels["steps"])


def _sets(cells: Cells) -> list[tuple[str, int]]:
    return list(dict.fromkeys((data, steps) for _, data, steps in cells))


def _form(where: str, cells: Cells) -> Table:
    """The paper's table in its own form."""
    rows = []
    for data, steps in _sets(cells):
        row = [TITLES.get(data, data), str(steps)]
        for shown in BARS:
            one = cells.get((shown, data, steps))
            known = f" [{target(one.target)}]" if one and one.target and shown != HELD_OUT else ""
            row.append(NONE if one is None else sample(one.ours) + known)
        rows.append(row)
    return Table(f"{where}, test accuracy in %, published values in brackets", ["data", "T", *BARS], rows)


def _figure(where: str, cells: Cells) -> Figure:
    sets = _sets(cells)
    figure = Figure(figsize=(max(6.5, 2.6 * len(sets)), 5), layout="constrained")
    axes = figure.subplots()
    for (shown, data, steps), one in cells.items():
        place = sets.index((data, steps)) + 0.28 * (list(BARS).index(shown) - 1)
        bars(axes, place, one.ours, 0.26, BARS[shown], digits=1)
        if one.target is not None and shown != HELD_OUT:
            mark_published(axes, place, 0.26, one.target.value, one.target.deviation)
    for shown, colour in BARS.items():
        axes.bar(0, 0, color=colour, label=shown)
    axes.plot([], [], color="black", linewidth=1.6, linestyle=(0, (2, 1)), label="published")
    axes.set_xticks(range(len(sets)), [f"{TITLES.get(data, data)}\nT = {steps}" for data, steps in sets])
    axes.set(ylabel="test accuracy, %", ylim=(0, 112), yticks=range(0, 101, 20))
    axes.set_xlim(-0.6, len(sets) - 0.4)
    axes.grid(False, axis="x")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2 if len(sets) < 3 else 4)
    figure.suptitle(f"MPE-PSN, {where}", x=0.01, ha="left", fontweight="bold", fontsize=14)
    return figure
