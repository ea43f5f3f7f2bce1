"""Numbers as a person reads them: comparisons with the published values, and a paper's table in its own form."""

from __future__ import annotations

from collections.abc import Sequence

from spikescan.papers.experiment import Table
from spikescan.papers.statistics import ENOUGH, Comparison, Sample
from spikescan.papers.targets import Target

NONE = "–"
_KINDS = {"printed": "", "about": "≈ ", "up to": "≤ ", "above": "> ", "below": "< "}


def comparison_table(
    title: str, comparisons: Sequence[Comparison], unit: str, digits: int = 2, note: str = ""
) -> Table:
    """A row for each comparison: its labels, ours, the published value, the difference and its p-value."""
    names = list(comparisons[0].labels) if comparisons else []
    numbers = [f"here, {unit}", "n", f"published, {unit}", "difference", "p"]
    rows = [
        [
            *(str(one.labels[name]) for name in names),
            sample(one.ours, digits),
            str(one.ours.n),
            target(one.target, digits),
            NONE if one.difference is None else f"{one.difference:+,.{digits}f}",
            probability(one),
        ]
        for one in comparisons
    ]
    return Table(title, [*names, *numbers], rows, " ".join(filter(None, [_tested(comparisons), note])))


def _tested(comparisons: Sequence[Comparison]) -> str:
    """What the columns difference and p are, where one of them says something."""
    known = [one for one in comparisons if one.target is not None]
    if not known:
        return ""
    if not any(one.comparable for one in known):
        return "The published values are of another experiment than this one, so no difference is taken."
    repeats = {one.target.n for one in known if one.target is not None and one.target.n is not None}
    said = f" (published: n = {', '.join(map(str, sorted(repeats)))})" if repeats else ""
    return f"p: Welch's two-sided test{said}, from {ENOUGH} seeds on and where a deviation is published."


def pivot(
    title: str, comparisons: Sequence[Comparison], row: str, column: str, digits: int = 2, note: str = ""
) -> Table:
    """``row`` labels down, ``column`` labels across, ours with the published value in brackets."""
    cells = {(one.labels[row], one.labels[column]): one for one in comparisons}
    rows, columns = list(dict.fromkeys(key[0] for key in cells)), list(dict.fromkeys(key[1] for key in cells))
    body = [[str(name), *(_cell(cells.get((name, other)), digits) for other in columns)] for name in rows]
    return Table(title, [row, *map(str, columns)], body, note)


def _cell(one: Comparison | None, digits: int) -> str:
    if one is None:
        return NONE
    known = f" [{target(one.target, digits)}]" if one.target is not None else ""
    return sample(one.ours, digits) + known


def sample(found: Sample, digits: int = 2) -> str:
    mean = f"{found.mean:,.{digits}f}"
    return mean if found.deviation is None else f"{mean} ± {found.deviation:,.{digits}f}"


def target(known: Target | None, digits: int = 2) -> str:
    if known is None:
        return NONE
    value = _KINDS[known.kind] + f"{known.value:,.{digits}f}"
    return value if known.deviation is None else f"{value} ± {known.deviation:,.{digits}f}"


def probability(one: Comparison) -> str:
    if one.p is None:
        return NONE
    return "< 0.001" if one.p < 0.001 else f"{one.p:.3f}"
