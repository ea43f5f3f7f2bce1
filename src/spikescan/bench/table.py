"""The results as rows of text, for the screen and for a Markdown file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from spikescan.bench.results import Finding, Measurement, Results

FINDINGS = ["", "what", "measured", "target", "verdict"]
TIMES = ["", "median", "10 % to 90 %", "forward", "backward", "of copy"]


def findings(results: Results) -> list[list[str]]:
    return [_finding(one) for one in results.findings]


def times(results: Results) -> Iterator[tuple[str, list[list[str]]]]:
    """(row, a line for each thing that was timed), without the map, which is a picture."""
    for row, found in groupby(results.measurements, key=lambda one: one.row):
        if row != "map" and (lines := list(_lines(list(found)))):
            yield row, lines


def markdown(results: Results) -> str:
    """Findings, times, and what was left out."""
    parts = []
    if results.findings:
        parts.append(_markdown(FINDINGS, findings(results)))
    for row, lines in times(results):
        parts.append(f"`{row}`\n\n{_markdown(TIMES, lines)}")
    if told := [*results.sentences, *dict.fromkeys(one.why for one in results.skipped if one.row == "peers")]:
        parts.append("\n".join(f"- {sentence}" for sentence in told))
    return "\n\n".join(parts)


def _markdown(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _finding(one: Finding) -> list[str]:
    measured = one.note or "–" if one.measured is None else amount(one.measured, one.unit)
    return [one.subject, one.what, measured, demand(one), one.verdict]


def _lines(found: list[Measurement]) -> Iterator[list[str]]:
    """A line for each thing that was timed, its two passes at the end of it."""
    passes = {(one.subject, one.workload, one.quantity): one for one in found}
    for one in found:
        if one.unit != "s" or one.quantity in ("forward", "backward") or (one.kind == "copy" and one is not found[0]):
            continue
        parts = (passes.get((one.subject, one.workload, name)) for name in ("forward", "backward"))
        name = one.subject if one.quantity in ("whole", "forward and backward") else f"{one.subject}: {one.quantity}"
        share = "–" if one.copy_fraction is None else f"{100 * one.copy_fraction:.0f} %"
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


def demand(one: Finding) -> str:
    if one.demanded is None:
        return "–"
    return f"{'at least' if one.at_least else 'at most'} {amount(one.demanded, one.unit)}"


def amount(number: float, unit: str) -> str:
    """A figure in as many digits as it needs."""
    digits = f"{number:,.0f}" if number >= 100 else f"{number:.3g}"
    return f"{digits}{unit}"
