import math

import numpy as np
import pytest
from scipy import stats

from spikescan.papers.experiment import Result
from spikescan.papers.statistics import Comparison, Sample, compare, welch
from spikescan.papers.tables import comparison_table, pivot, probability
from spikescan.papers.targets import Target, Targets

KNOWN = Target(quantity="q", value=10.0, deviation=2.0, n=10)


def test_a_sample():
    found = Sample.of([1.0, 2.0, 4.0])
    assert (found.n, found.mean) == (3, pytest.approx(7 / 3))
    assert found.deviation == pytest.approx(np.std([1, 2, 4], ddof=1))
    assert Sample.of([3.0]) == Sample(1, 3.0, None)


def test_welch_is_that_of_the_raw_values():
    rng = np.random.default_rng(0)
    theirs, ours = rng.normal(10, 2, 10), rng.normal(11, 0.5, 7)
    target = Target(quantity="q", value=theirs.mean(), deviation=theirs.std(ddof=1), n=10)
    expected = stats.ttest_ind(ours, theirs, equal_var=False).pvalue
    assert welch(Sample.of(ours), target) == pytest.approx(expected)
    assert welch(Sample.of(ours + 50), target) < 1e-6


@pytest.mark.parametrize(
    ("ours", "target"),
    [
        (Sample.of([1.0, 2.0]), KNOWN),
        (Sample.of([1.0, 2.0, 3.0]), KNOWN.model_copy(update={"deviation": None})),
        (Sample.of([1.0, 2.0, 3.0]), KNOWN.model_copy(update={"n": None})),
        (Sample.of([1.0, 1.0, 1.0]), KNOWN.model_copy(update={"deviation": 0.0})),
    ],
)
def test_no_test_without_what_it_needs(ours, target):
    assert welch(ours, target) is None


def test_other_data_are_never_held_against_the_paper():
    ours = Sample.of([1.0, 2.0, 3.0])
    there = Comparison("q", {}, ours, KNOWN, comparable=True)
    here = Comparison("q", {}, ours, KNOWN, comparable=False)
    assert there.difference == pytest.approx(-8)
    assert 0 < there.p < 1
    assert (here.difference, here.p) == (None, None)


def result(value, **labels):
    return Result(labels, {"q": value}, "cpu")


def test_compare_groups_scales_and_finds_the_target():
    known = Targets(paper="p", where="w", values=[KNOWN.model_copy(update={"of": {"neuron": "a"}})])
    results = [result(0.1, neuron="a", seed=0), result(0.3, neuron="a", seed=1), result(0.5, neuron="b", seed=0)]
    results.append(result(None, neuron="c", seed=0))
    a, b = compare(results, "q", ("neuron",), known, comparable=True, scale=100)
    assert (a.ours.n, a.ours.mean) == (2, pytest.approx(20))
    assert a.target is not None
    assert b.target is None
    assert math.isclose(b.ours.mean, 50)


def test_of_several_targets_the_closest_counts():
    wide = KNOWN.model_copy(update={"value": 1.0})
    narrow = KNOWN.model_copy(update={"value": 2.0, "of": {"neuron": "a"}})
    known = Targets(paper="p", where="w", values=[wide, narrow])
    assert known.find("q", {"neuron": "a"}).value == 2.0
    assert known.find("q", {"neuron": "b"}).value == 1.0
    assert known.find("r", {}) is None


def test_tables():
    one = Comparison("q", {"neuron": "a", "condition": "x"}, Sample(3, 9.0, 0.5), KNOWN, comparable=True)
    table = comparison_table("t", [one], "%")
    assert table.rows == [["a", "x", "9.00 ± 0.50", "3", "10.00 ± 2.00", "-1.00", f"{one.p:.3f}"]]
    assert "n = 10" in table.note
    other = Comparison("q", {"neuron": "b", "condition": "y"}, Sample(1, 8.0, None), None, comparable=True)
    assert pivot("t", [one, other], "neuron", "condition").rows == [
        ["a", "9.00 ± 0.50 [10.00 ± 2.00]", "–"],
        ["b", "–", "8.00"],
    ]
    assert probability(other) == "–"
    unlike = comparison_table("t", [Comparison("q", {}, one.ours, KNOWN, comparable=False)], "%")
    assert unlike.rows == [["9.00 ± 0.50", "3", "10.00 ± 2.00", "–", "–"]]
    assert "no difference is taken" in unlike.note
