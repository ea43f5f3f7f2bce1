"""The results on the screen: verdicts, medians, and where the parallel neuron does not win."""

from __future__ import annotations

from spikescan import report
from spikescan.bench.pictures import demand, value
from spikescan.bench.results import Finding, Measurement, Results
from spikescan.bench.run import described


def show(results: Results) -> None:
    report.show_table(
        f"Measured against demanded: {described(results)}",
        ["row", "what", "measured", "demanded", "verdict"],
        [_finding(one) for one in results.findings],
        numbers=False,
    )
    timed = [one for one in results.measurements if one.row != "map" and one.unit == "s"]
    if timed:
        columns = ["row", "workload", "subject", "phase", "median", "10 %", "90 %", "times", "copy bandwidth"]
        report.show_table("Seconds", columns, [_time(one) for one in timed], numbers=False)
    print("\n".join(results.sentences))
    print(f"Results are in {results.folder}")


def show_json(results: Results) -> None:
    report.show_json(results.as_dict() | {"folder": str(results.folder)})


def _finding(one: Finding) -> list[str]:
    measured = one.note or "–" if one.measured is None else value(one.measured, one.unit)
    return [one.row, one.what, measured, demand(one), one.verdict]


def _time(one: Measurement) -> list[str]:
    times = [f"{seconds:.3g} s" if seconds >= 1 else f"{1e3 * seconds:.3g} ms" for seconds in _quantiles(one)]
    share = "–" if one.copy_fraction is None else report.percent(one.copy_fraction, 0)
    return [one.row, one.workload, one.subject, one.quantity, *times, str(one.repetitions), share]


def _quantiles(one: Measurement) -> tuple[float, float, float]:
    return one.median, one.q10, one.q90
