"""Seconds of things that take turns, so that whatever drifts on a machine falls on all of them.

A turn of a quick subject is several repetitions, of which the first is not counted: it finds caches and memory as
another subject has left them, which is what a benchmark does and not what training does.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch

Mark = Callable[[], None]


class Clock(Protocol):
    """`begin` and `stamp` note a moment on the device; `seconds` waits until both have passed."""

    def begin(self) -> Any: ...
    def stamp(self) -> Any: ...
    def seconds(self, first: Any, last: Any) -> float: ...


class WallClock:
    """Of the CPU, where an operation has ended when its call returns."""

    def begin(self) -> float:
        return self.stamp()

    def stamp(self) -> float:
        return time.perf_counter()

    def seconds(self, first: float, last: float) -> float:
        return last - first


class EventClock:
    """Of a CUDA stream: events between the kernels, so that no waiting comes between forward and backward.

    Before the first event the device waits for about a millisecond. Meanwhile the CPU launches what is timed, as in a
    training, where launches run ahead; otherwise the device would stand idle from that event to the first kernel.
    """

    CYCLES = 2_000_000

    def begin(self) -> torch.cuda.Event:
        torch.cuda._sleep(self.CYCLES)
        return self.stamp()

    def stamp(self) -> torch.cuda.Event:
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def seconds(self, first: torch.cuda.Event, last: torch.cuda.Event) -> float:
        last.synchronize()
        return first.elapsed_time(last) / 1e3


def clock_of(device: str) -> Clock:
    return EventClock() if device == "cuda" else WallClock()


@dataclass(frozen=True)
class Subject:
    """What is timed: `step(mark)` does it once and may call `mark` where its forward pass ends.

    kind: ours, sequential (our own fused LIF), baseline, peer or copy.
    least: repetitions that are taken whatever they cost.
    warm_up: False where a repetition takes very long and what it needs was compiled before.
    """

    name: str
    step: Callable[[Mark], Any]
    kind: str = "ours"
    least: int = 5
    warm_up: bool = True


@dataclass
class Samples:
    """Seconds of each repetition. `forward` and `backward` stay empty where nothing was marked."""

    both: list[float] = field(default_factory=list)
    forward: list[float] = field(default_factory=list)
    backward: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.both)

    def phases(self) -> Iterator[tuple[str, list[float]]]:
        """What a row of results is called, and its seconds."""
        if not self.forward:
            yield "whole", self.both
            return
        yield "forward and backward", self.both
        yield "forward", self.forward
        yield "backward", self.backward


def quantiles(values: Sequence[float]) -> tuple[float, float, float]:
    """(median, 10 % and 90 % quantile), interpolated between the values."""
    if len(values) == 1:
        return values[0], values[0], values[0]
    tenths = statistics.quantiles(values, n=10, method="inclusive")
    return statistics.median(values), tenths[0], tenths[-1]


TURN = 0.1
"""Seconds after which a turn is over."""


def take_turns(subjects: Sequence[Subject], clock: Clock, budget: float = 2.0, most: int = 50) -> dict[str, Samples]:
    """Warm up, then repeat in the order A A A B A A A B …, each turn until TURN seconds have passed: at least
    `Subject.least` repetitions each, and on until `budget` seconds are spent on the row or there were `most` turns.

    Returns:
        The samples of each subject by its name.
    """
    quick = {subject.name for subject in subjects if subject.warm_up and _warm_up(subject, clock) < TURN}
    samples = {subject.name: Samples() for subject in subjects}
    spent, rounds = 0.0, 0
    while True:
        short = [subject for subject in subjects if len(samples[subject.name].both) < subject.least]
        due = short or (list(subjects) if spent < budget and rounds < most else [])
        if not due:
            return samples
        spent += sum(_turn(subject, clock, samples[subject.name], subject.name in quick) for subject in due)
        rounds += 1


def _warm_up(subject: Subject, clock: Clock, enough: float = 1.0, most: int = 8) -> float:
    """The first call compiles and allocates, and memory settles over some more: until two in a row take as long, to a
    tenth, or one takes so long that it matters no more. Returns the seconds of the last one."""
    now, settled = _once(subject, clock, Samples()), False
    for _ in range(most):
        if settled or now >= enough:
            break
        before, now = now, _once(subject, clock, Samples())
        settled = abs(now - before) <= 0.1 * before
    return now


def _turn(subject: Subject, clock: Clock, samples: Samples, quick: bool) -> float:
    """Seconds that it took. A turn also ends where the seconds themselves, with the waiting between repetitions on a
    GPU, have passed."""
    first = _once(subject, clock, Samples()) if quick else 0.0
    begin, spent, passed = time.perf_counter(), 0.0, 0.0
    while max(spent, passed) < TURN:
        spent += _once(subject, clock, samples)
        passed = time.perf_counter() - begin
    return first + max(spent, passed)


def _once(subject: Subject, clock: Clock, samples: Samples) -> float:
    marks: list[Any] = []
    first = clock.begin()
    subject.step(lambda: marks.append(clock.stamp()))
    last = clock.stamp()
    samples.both.append(clock.seconds(first, last))
    if marks:
        samples.forward.append(clock.seconds(first, marks[0]))
        samples.backward.append(clock.seconds(marks[0], last))
    return samples.both[-1]
