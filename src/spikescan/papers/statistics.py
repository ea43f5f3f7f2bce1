"""Mean and deviation over seeds, and whether they agree with a published mean and deviation."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from scipy.stats import ttest_ind_from_stats

from spikescan.papers.experiment import Label, Result
from spikescan.papers.targets import Target, Targets

ENOUGH = 3
"""Seeds from which a deviation is worth a test."""


@dataclass(frozen=True)
class Sample:
    """``deviation`` is that of a sample (n - 1), None for a single value."""

    n: int
    mean: float
    deviation: float | None

    @classmethod
    def of(cls, values: Iterable[float]) -> Sample:
        values = list(values)
        return cls(len(values), statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None)


@dataclass(frozen=True)
class Comparison:
    """One number of a table: ours over the seeds, and the published one where there is one."""

    quantity: str
    labels: Mapping[str, Label]
    ours: Sample
    target: Target | None
    comparable: bool
    """Whether ours was made as the published one was, on the same data."""

    @property
    def difference(self) -> float | None:
        """Ours minus the published value."""
        return self.ours.mean - self.target.value if self.target is not None and self.comparable else None

    @property
    def p(self) -> float | None:
        """Two-sided, Welch's test; None where deviations or seeds do not suffice."""
        return welch(self.ours, self.target) if self.target is not None and self.comparable else None


def welch(ours: Sample, target: Target) -> float | None:
    """Probability of so large a difference between the means if there were none, from means, deviations and numbers.

    The published deviation is taken for that of a sample.
    """
    if ours.n < ENOUGH or ours.deviation is None or target.deviation is None or target.n is None:
        return None
    if ours.deviation == 0 and target.deviation == 0:
        return None
    found = ttest_ind_from_stats(
        ours.mean, ours.deviation, ours.n, target.value, target.deviation, target.n, equal_var=False
    )
    return float(found.pvalue)


def grouped(results: Iterable[Result], by: Sequence[str]) -> dict[tuple[Label, ...], list[Result]]:
    """Results by the values of the labels ``by``, in the order in which they first occur."""
    groups: dict[tuple[Label, ...], list[Result]] = {}
    for result in results:
        groups.setdefault(tuple(result.labels[name] for name in by), []).append(result)
    return groups


def compare(
    results: Iterable[Result],
    quantity: str,
    by: Sequence[str],
    targets: Targets,
    *,
    comparable: bool,
    scale: float = 1.0,
) -> list[Comparison]:
    """``quantity`` of the runs' values, times ``scale``, for every group; None among the values is left out."""
    found = []
    for group, members in grouped(results, by).items():
        values = [scale * value for member in members if (value := member.values[quantity]) is not None]
        labels = dict(zip(by, group, strict=True))
        if values:
            target = targets.find(quantity, labels)
            found.append(Comparison(quantity, labels, Sample.of(values), target, comparable))
    return found
