"""Turns, quantiles and budgets, by a clock that the subjects move themselves."""

import pytest

from spikescan.bench.timing import Samples, Subject, quantiles, take_turns


class FakeClock:
    def __init__(self):
        self.now, self.log = 0.0, []

    def begin(self):
        return self.now

    stamp = begin

    def seconds(self, first, last):
        return last - first

    def subject(self, name, forward, backward=None, **options):
        def step(mark):
            self.log.append(name)
            self.now += forward
            if backward is not None:
                mark()
                self.now += backward

        return Subject(name, step, **options)


def test_subjects_take_turns_after_two_warm_ups():
    clock = FakeClock()
    samples = take_turns([clock.subject("a", 0.25), clock.subject("b", 0.5, 0.25)], clock, budget=0)
    assert clock.log[:4] == ["a", "a", "b", "b"]
    assert clock.log[4:] == ["a", "b"] * 5
    assert samples["a"].both == [0.25] * 5
    assert samples["a"].forward == []
    assert (samples["b"].both, samples["b"].forward, samples["b"].backward) == ([0.75] * 5, [0.5] * 5, [0.25] * 5)
    assert samples["b"].median == 0.75


def test_a_turn_of_a_quick_subject_is_several_repetitions():
    clock = FakeClock()
    samples = take_turns([clock.subject("a", 0.03125), clock.subject("b", 0.5)], clock, budget=0)
    assert clock.log[4:16] == ["a"] * 5 + ["b"] + ["a"] * 5 + ["b"]
    assert (len(samples["a"].both), len(samples["b"].both)) == (8, 5)


def test_the_first_repetition_of_a_quick_subjects_turn_is_not_counted():
    """Whatever it takes after another subject's turn."""
    clock = FakeClock()

    def after_another(mark):
        clock.now += 1.0 if clock.log[-1:] == ["b"] else 0.0625
        clock.log.append("a")

    samples = take_turns([Subject("a", after_another), clock.subject("b", 0.5)], clock, budget=0)
    assert samples["a"].both == [0.0625] * len(samples["a"].both)


def test_the_budget_buys_further_turns():
    clock = FakeClock()
    samples = take_turns([clock.subject("a", 0.125), clock.subject("b", 0.375)], clock, budget=5)
    assert len(samples["a"].both) == len(samples["b"].both) == 10
    assert len(take_turns([clock.subject("a", 0.125)], clock, budget=100, most=20)["a"].both) == 20


def test_slow_subjects_are_taken_less_often_and_warmed_up_once():
    clock = FakeClock()
    slow, cold = clock.subject("slow", 3.0, least=2), clock.subject("cold", 9.0, least=1, warm_up=False)
    samples = take_turns([clock.subject("fast", 0.1), slow, cold], clock, budget=1)
    assert clock.log.count("slow") == 1 + 2
    assert clock.log.count("cold") == 1
    assert len(samples["fast"].both) == 5


def settling(clock, *seconds):
    """A subject whose first calls take so long, one after the other, and all further ones as long as the last."""
    rest = iter(seconds[:-1])

    def once(mark):
        clock.log.append("settling")
        clock.now += next(rest, seconds[-1])

    return Subject("settling", once)


@pytest.mark.parametrize(
    ("seconds", "calls"),
    [
        ((0.5, 0.5), 2),
        ((0.5, 0.25, 0.125, 0.125), 4),
        ((0.5, 0.25, 0.265625), 3),  # as long as the one before, to a tenth
        ((0.5, 0.4375, 0.4375), 3),  # to an eighth
        ((0.75, 0.25) * 5, 9),  # never: eight more than the first
        ((1.5, 0.5), 1),  # so long that it matters no more
        ((0.5, 1.5, 0.25), 2),
    ],
)
def test_warm_ups_until_two_in_a_row_take_as_long(seconds, calls):
    clock = FakeClock()
    samples = take_turns([settling(clock, *seconds)], clock, budget=0)
    assert len(clock.log) == calls + 5
    assert samples["settling"].both == [seconds[-1]] * 5


def test_quantiles():
    assert quantiles([4.0]) == (4.0, 4.0, 4.0)
    assert quantiles([float(value) for value in range(10, -1, -1)]) == pytest.approx((5, 1, 9))


def test_phases_are_named_by_what_was_marked():
    assert [name for name, _ in Samples([1.0]).phases()] == ["whole"]
    marked = Samples([3.0], [1.0], [2.0])
    assert dict(marked.phases()) == {"forward and backward": [3.0], "forward": [1.0], "backward": [2.0]}
