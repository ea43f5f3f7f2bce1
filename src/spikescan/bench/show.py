"""The results on the screen: verdicts, medians, and where the parallel neuron does not win."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from spikescan import report
from spikescan.bench.pictures import demand, value
from spikescan.bench.results import Finding, Measurement, Results
from spikescan.bench.run import described


def show(results: Results) -> None:
    columns = ["", "what", "measured", "demanded", "verdict"]
    title = f"Measured against demanded: {described(results)}"
    report.show_table(title, columns, [_finding(one) for one in results.findings], numbers=False)
    for row, found in groupby(results.measurements, key=lambda one: one.row):
        if row != "map" and (lines := list(_lines(list(found)))):
            report.show_table(row, ["", "median", "10 % to 90 %", "forward", "backward", "of copy"], lines)
    for sentence in [*results.sentences, *(one.why for one in results.skipped if one.row == "peers")]:
        print(sentence)
    print(f"Results are in {results.folder}")


def show_json(results: Results) -> None:
    report.show_json(results.as_dict() | {"folder": str(results.folder)})


def _finding(one: Finding) -> list[str]:
    measured = one.note or "–" if one.measured is None else value(one.measured, one.unit)
    return [one.subject, one.what, measured, demand(one), one.verdict]


def _lines(found: list[Measurement]) -> Iterator[list[str]]:
    """A line for each thing that was timed, its two passes at the end of it."""
    passes = {(one.subject, one.workload, one.quantity): one for one in found}
    for one in found:
        if one.unit != "s" or one.quantity in ("forward", "backward") or (one.kind == "copy" and one is not found[0]):
            continue
        parts = (passes.get((one.subject, one.workload, name)) for name in ("forward", "backward"))
        name = one.subject if one.quantity in ("whole", "forward and backward") else f"{one.subject}: {one.quantity}"
        share = "–" if one.copy_fraction is None else report.percent(one.copy_fraction, 0)
        span = f"{_seconds(one.q10)} to {_seconds(one.q90)}" if one.repetitions > 1 else "–"
        yield [
            name,
            _seconds(one.median),
            span,
            *("–" if part is None else _seconds(part.median) for part in parts),
            share,
        ]


def _seconds(value: float) -> str:
    return f"{value:.3g} s" if value >= 1 else f"{1e3 * value:.3g} ms"
