"""The map as arrays: how many times faster SPSN is than each baseline, over T and B·N, and that in plain words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from spikescan.bench.results import Measurement, Skip
from spikescan.bench.rows.map import LOOP, PARALLEL, ROW, SEQUENTIAL, TOO_LARGE

PANELS = {
    "loop": "a Python loop",
    "peer": "the best peer",
    "sequential": "our own fused LIF",
}
SKIPPED, ABSENT = "skipped", "absent"


@dataclass(frozen=True)
class Grid:
    """`faster[panel]` is (B·N, T), NaN where there is no figure; `why[panel]` has the reason of each NaN."""

    steps: list[int]
    neurons: list[int]
    faster: dict[str, np.ndarray]
    why: dict[str, np.ndarray]


def grid(measurements: Iterable[Measurement], skipped: Iterable[Skip] = ()) -> Grid | None:
    """None where the map was not measured."""
    cells = _cells(measurements)
    missing = [one for one in skipped if one.row == ROW and one.steps and one.neurons]
    if not cells:
        return None
    places = {*cells, *((one.steps, one.neurons) for one in missing)}
    steps, neurons = (sorted({place[axis] for place in places if place[axis]}) for axis in (0, 1))
    shape = len(neurons), len(steps)
    faster = {panel: np.full(shape, np.nan) for panel in PANELS}
    why = {panel: np.full(shape, ABSENT, dtype=object) for panel in PANELS}
    for one in missing:
        if one.why != TOO_LARGE:
            why["loop" if one.subject == LOOP else "peer"][neurons.index(one.neurons), steps.index(one.steps)] = SKIPPED
    for (step, count), cell in cells.items():
        for panel, seconds in cell.items():
            if panel in PANELS and "ours" in cell:
                faster[panel][neurons.index(count), steps.index(step)] = seconds / cell["ours"]
    return Grid(steps, neurons, faster, why)


def _cells(measurements: Iterable[Measurement]) -> dict[tuple[int, int], dict[str, float]]:
    """Median seconds by (T, B·N) and panel; of the peers the fastest."""
    names = {PARALLEL: "ours", SEQUENTIAL: "sequential", LOOP: "loop"}
    cells: dict[tuple[int, int], dict[str, float]] = {}
    for one in measurements:
        if one.row != ROW or one.quantity != "forward and backward" or one.kind == "copy":
            continue
        assert one.steps is not None
        assert one.neurons is not None
        cell, panel = cells.setdefault((one.steps, one.neurons), {}), names.get(one.subject, "peer")
        cell[panel] = min(one.median, cell.get(panel, np.inf))
    return cells


def sentences(found: Grid) -> list[str]:
    """Where the parallel neuron does not win, from the measured cells."""
    told = [_sentence(found, panel) for panel in PANELS]
    note = (
        "The fused LIF does the same passes over memory and resets, which SPSN cannot; the peers' neurons have no "
        "synapse stage. Times are forward and backward of one layer."
    )
    return [*(sentence for sentence in told if sentence), note]


def _sentence(found: Grid, panel: str) -> str:
    values, name = found.faster[panel], PANELS[panel]
    known = np.isfinite(values)
    if not known.any():
        return f"Against {name} nothing was measured."
    lost = known & (values < 1)
    span = f"{_times(np.nanmin(values))} to {_times(np.nanmax(values))}"
    if not lost.any():
        return f"Against {name} SPSN wins in all {known.sum()} measured cells ({span})."
    row, column = np.unravel_index(np.nanargmin(values), values.shape)
    worst = f"{_times(np.nanmin(values))} at T={found.steps[column]:,}, B·N={found.neurons[row]:,}"
    return (
        f"Against {name} SPSN does not win in {lost.sum()} of {known.sum()} measured cells ({_where(found, lost)}); "
        f"the worst is {worst}, the best {_times(np.nanmax(values))}."
    )


def _where(found: Grid, lost: np.ndarray) -> str:
    """The lost cells: for each B·N, its T."""
    parts = [
        f"B·N={count:,}: T={', '.join(f'{found.steps[column]:,}' for column in np.flatnonzero(lost[row]))}"
        for row, count in enumerate(found.neurons)
        if lost[row].any()
    ]
    return "; ".join(parts)


def _times(value: float) -> str:
    return f"{value:.2f}×" if value < 10 else f"{value:,.0f}×"
