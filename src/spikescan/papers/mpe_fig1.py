"""MPE-PSN Figure 1: how many times longer a sequential LIF takes for its forward pass, over steps and neurons.

The paper times the LIF loop of torch operations against its neuron, of torch operations too. Beside that pair stand our
own bodies of both neurons: the fused LIF is the baseline that a parallel neuron has to beat.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

import spikescan as ss
from spikescan.bench import baselines
from spikescan.bench.timing import Mark, Subject, clock_of, take_turns
from spikescan.papers import targets
from spikescan.papers.experiment import Experiment, Options, Picture, Report, Result, Run, Table, Workplace
from spikescan.papers.statistics import Comparison, Sample
from spikescan.papers.tables import NONE, target
from spikescan.training.devices import device_name
from spikescan.training.style import BLUE, GREEN, GREY, ORANGE

NAME = "mpe-fig1"
STEPS = (4, 8, 16, 32, 64)
NEURONS = (2**10, 2**12, 2**14, 2**16)
REPEATS, QUICK_REPEATS = 10, 5
BUDGET = 2.0
"""Seconds of each point beyond the repetitions that it gets in any case."""
DECAY = 0.25
LOOP, FUSED = "LIF, torch loop", "LIF, fused (here)"
PLAIN, OURS = "MPE-PSN, plain torch", "MPE-PSN (here)"
PAIRS = ((LOOP, PLAIN), (LOOP, OURS), (FUSED, OURS))
"""Whose time over whose; only the LIF loop has published ratios."""
COLOURS = dict(zip(NEURONS, (ORANGE, GREEN, BLUE, GREY), strict=True))
Times = Mapping[tuple[str, int, int], Sequence[float]]
"""Seconds of each repetition, by layer, steps and neurons."""


def lif_loop(x: Tensor) -> Tensor:
    """Spikes of the experiments' LIF, v ← τv + I, o = Θ(v - 1), v ← v(1 - o), over x.unbind() of (T, B, N)."""
    v, spikes = torch.zeros_like(x[0]), []
    for current in x.unbind():
        v = DECAY * v + current
        o = baselines.Triangle.apply(v - 1)
        assert isinstance(o, Tensor)
        spikes.append(o)
        v = v * (1 - o)
    return torch.stack(spikes)


def _plain(steps: int, device: str) -> Callable[[Tensor], object]:
    level = torch.ones((), device=device, requires_grad=True)
    kappa = torch.full((steps,), 1 / steps, device=device, requires_grad=True)
    return lambda x: baselines.mpe_psn(x, level, kappa, DECAY)


def _ours(neuron: ss.Neuron) -> Callable[[Tensor], object]:
    return neuron.run


LAYERS: dict[str, Callable[[int, str], Callable[[Tensor], object]]] = {
    LOOP: lambda steps, device: lif_loop,
    FUSED: lambda steps, device: _ours(ss.LIF.vanilla(DECAY).to(device)),
    PLAIN: _plain,
    OURS: lambda steps, device: _ours(ss.MPEPSN(steps=steps, decay=DECAY).to(device)),
}


def runs(options: Options) -> list[Run]:
    repeats = QUICK_REPEATS if options.quick else REPEATS
    more = {"repeats": repeats, "dtype": "float32", "device": device_name(options.device)}
    return [
        Run(f"t-{steps}_n-{neurons}", measure, labels | more, labels)
        for neurons in NEURONS
        for steps in STEPS
        if (labels := {"steps": steps, "neurons": neurons})
    ]


def measure(settings: dict[str, Any], place: Workplace) -> dict[str, Any]:
    """Seconds of the forward pass of each layer, as in training: all that backward needs is kept."""
    steps, neurons = settings["steps"], settings["neurons"]
    torch.manual_seed(0)
    x = torch.randn(steps, 1, neurons, device=place.device).requires_grad_()
    subjects = [
        Subject(name, partial(_forward, make(steps, place.device), x), least=settings["repeats"])
        for name, make in LAYERS.items()
    ]
    samples = take_turns(subjects, clock_of(place.device), budget=0 if settings["repeats"] < REPEATS else BUDGET)
    place.say(", ".join(f"{name}: {1e3 * one.median:.3f} ms" for name, one in samples.items()))
    return {name: one.both for name, one in samples.items()}


def _forward(layer: Callable[[Tensor], object], x: Tensor, mark: Mark) -> object:
    return layer(x)


def report(results: Sequence[Result], options: Options) -> Report:
    times = {
        (name, int(one.labels["steps"]), int(one.labels["neurons"])): seconds
        for one in results
        for name, seconds in one.values.items()
    }
    ratios = [one for pair in PAIRS for one in _ratios(times, *pair, options.comparable)]
    tables = [_ratio_table(ratios, pair) for pair in PAIRS] + [_milliseconds(times)]
    caption = (
        "Figure 1: time of a sequential LIF's forward pass over that of MPE-PSN, against the number of steps, a line "
        "for each number of neurons. Left as in the paper, both of torch operations; in the middle MPE-PSN fused; "
        "right both fused. Stars: published. Axes logarithmic; the same scale in all three."
    )
    remarks = [
        "Medians of repetitions in which the layers take turns, of a forward pass as in training (L_mem included, all "
        "that backward needs kept), one row of N neurons. The paper does not name its device.",
        "What a parallel neuron gains over a loop of torch operations is mostly the cost of starting T times as many "
        "operations. A fused LIF starts one as well: what then remains is in the third table.",
    ]
    return Report(tables, [Picture("figure1", caption, lambda: _figure(ratios))], ratios, remarks)


def _ratios(times: Times, of: str, over: str, comparable: bool) -> list[Comparison]:
    found = []
    for (name, steps, neurons), seconds in times.items():
        if name == of and (over, steps, neurons) in times:
            ratio = statistics.median(seconds) / statistics.median(times[over, steps, neurons])
            labels = {"of": of, "over": over, "steps": steps, "neurons": neurons}
            known = targets.of(NAME).find("ratio", labels) if of == LOOP else None
            found.append(Comparison("ratio", labels, Sample(len(seconds), ratio, None), known, comparable))
    return found


def _of(ratios: Sequence[Comparison], pair: tuple[str, str]) -> dict[tuple[int, int], Comparison]:
    chosen = [one for one in ratios if (one.labels["of"], one.labels["over"]) == pair]
    return {(int(one.labels["steps"]), int(one.labels["neurons"])): one for one in chosen}


def _ratio_table(ratios: Sequence[Comparison], pair: tuple[str, str]) -> Table:
    cells = _of(ratios, pair)
    rows = [
        [f"{neurons:,}", *(_shown(cells.get((steps, neurons))) for steps in STEPS)]
        for neurons in dict.fromkeys(neurons for _, neurons in cells)
    ]
    note = "Published values in brackets." if any(one.target for one in cells.values()) else ""
    return Table(f"Time of {pair[0]} over {pair[1]}", ["neurons", *(f"T = {steps}" for steps in STEPS)], rows, note)


def _shown(one: Comparison | None) -> str:
    if one is None:
        return NONE
    return f"{one.ours.mean:.2f}" + (f" [{target(one.target, 0)}]" if one.target else "")


def _milliseconds(times: Times) -> Table:
    rows = []
    for name in LAYERS:
        for neurons in dict.fromkeys(neurons for _, _, neurons in times):
            cells = [times.get((name, steps, neurons)) for steps in STEPS]
            shown = [NONE if one is None else f"{1e3 * statistics.median(one):.3f}" for one in cells]
            rows.append([name, f"{neurons:,}", *shown])
    columns = ["layer", "neurons", *(f"T = {steps}" for steps in STEPS)]
    return Table("Milliseconds of a forward pass, medians", columns, rows)


def _figure(ratios: Sequence[Comparison]) -> Figure:
    figure = Figure(figsize=(13.5, 5.2), layout="constrained")
    titles = ("Both in torch, as published", "LIF loop in torch, MPE-PSN fused", "Both fused")
    for axes, pair, title in zip(figure.subplots(1, 3, sharey=True), PAIRS, titles, strict=True):
        _panel(axes, _of(ratios, pair))
        axes.set_title(title)
    figure.axes[0].set_ylabel("time of LIF / time of MPE-PSN")
    figure.axes[0].plot([], [], "*", color=GREY, markeredgecolor="black", markersize=13, label="published")
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=5)
    figure.suptitle(
        "MPE-PSN, Figure 1 – forward pass, steps and neurons", x=0.01, ha="left", fontweight="bold", fontsize=14
    )
    return figure


def _panel(axes: Axes, cells: Mapping[tuple[int, int], Comparison]) -> None:
    for neurons, colour in COLOURS.items():
        points = [(steps, one) for (steps, count), one in cells.items() if count == neurons]
        axes.plot([steps for steps, _ in points], [one.ours.mean for _, one in points], "o-", color=colour)
        axes.plot([], [], "o-", color=colour, label=f"N = {neurons:,}")
        known = [(steps, one.target.value) for steps, one in points if one.target is not None]
        style: dict[str, Any] = {"color": colour, "markeredgecolor": "black", "markersize": 13, "zorder": 5}
        axes.plot(*np.array(known).reshape(-1, 2).T, "*", **style)
    axes.axhline(1, color="#22262c", linewidth=1, linestyle=(0, (4, 3)))
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    axes.set_xticks(STEPS, [str(steps) for steps in STEPS])
    axes.yaxis.set_major_formatter(lambda value, place: f"{value:g}")
    axes.set_xlabel("time steps")


EXPERIMENT = Experiment(
    NAME,
    "Forward time of a sequential LIF over that of MPE-PSN",
    "mpe-psn",
    runs,
    report,
    seeds=1,
    quick_seeds=1,
    alone=True,
)
