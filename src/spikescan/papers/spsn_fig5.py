"""SPSN Figure 5: forward and backward pass of one layer of neurons against the length of a random sequence."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spikescan.papers import targets
from spikescan.papers._baselines import LAYERS, PEERS, Layer, installed
from spikescan.papers.experiment import Experiment, Options, Picture, Report, Result, Run, Table, Workplace
from spikescan.papers.statistics import Comparison, Sample
from spikescan.papers.tables import NONE
from spikescan.papers.training_runs import key_of
from spikescan.training.devices import device_name
from spikescan.training.style import BLUE, GREEN, GREY, ORANGE, plain_log

NAME = "spsn-fig5"
STEPS = (100, 200, 500, 1000, 2000, 5000, 10_000)
QUICK_STEPS = (100, 300, 1000)
REPEATS, QUICK_REPEATS = 10, 3
BATCH, NEURONS = 64, 128
QUICK_BATCH = 8
PATIENCE = 600.0
"""Seconds after which a layer is not repeated once more; how often it was is said."""
WARM = 2.0
"""A first pass of fewer seconds is not counted."""
OURS = "SPSN-SB (here)"
STYLES: dict[str, tuple[str, str]] = {
    "LIF, published loop": (ORANGE, "o-"),
    "LIF, unbind loop": ("#f0a860", "s-"),
    "LIF, SpikingJelly": ("#7d5ba6", "v-"),
    "LIF, snnTorch": ("#b48ac7", "^-"),
    "LIF, fused (here)": (BLUE, "D-"),
    "SPSN-SB, FFT in torch": (GREY, "x--"),
    OURS: (GREEN, "o-"),
}


def runs(options: Options) -> list[Run]:
    shape = {"batch": QUICK_BATCH if options.quick else BATCH, "neurons": NEURONS, "dtype": "float32"}
    more = {"repeats": QUICK_REPEATS if options.quick else REPEATS, "device": device_name(options.device)}
    return [
        Run(key_of(labels), measure, {**labels, **shape, **more}, labels)
        for steps in (QUICK_STEPS if options.quick else STEPS)
        for name in installed()
        if (labels := {"layer": name, "steps": steps})
    ]


def measure(settings: dict[str, Any], place: Workplace) -> dict[str, Any]:
    """Seconds of forward and backward together. A short sequence first compiles kernels; then a whole pass goes
    uncounted (it finds its memory), unless it takes so long that this cannot matter."""
    torch.manual_seed(0)
    layer = LAYERS[settings["layer"]]()
    shape = (settings["steps"], settings["batch"], settings["neurons"])
    x = torch.randn(shape, device=place.device).requires_grad_()
    cotangent = torch.randn(shape, device=place.device)
    _seconds(layer, x[:4].detach().requires_grad_(), cotangent[:4])
    first = _seconds(layer, x, cotangent)
    times = [] if first < WARM else [first]
    while len(times) < settings["repeats"] and sum(times) < PATIENCE:
        times.append(_seconds(layer, x, cotangent))
        place.say(f"{settings['layer']}, {settings['steps']} steps: {times[-1]:.4f} s")
    return {"seconds": statistics.fmean(times), "seconds_median": statistics.median(times), "times": times}


def _seconds(layer: Layer, x: torch.Tensor, cotangent: torch.Tensor) -> float:
    x.grad = None
    _wait(x)
    since = time.perf_counter()
    layer(x).backward(cotangent)
    _wait(x)
    return time.perf_counter() - since


def _wait(x: torch.Tensor) -> None:
    if x.is_cuda:
        torch.cuda.synchronize(x.device)


def report(results: Sequence[Result], options: Options) -> Report:
    times = {(str(one.labels["layer"]), int(one.labels["steps"])): Sample.of(one.values["times"]) for one in results}
    steps = sorted({length for _, length in times})
    ratios = _ratios(times, options.comparable)
    shape = f"{QUICK_BATCH if options.quick else BATCH} rows of {NEURONS} neurons, float32"
    caption = (
        f"Figure 5. A: forward and backward pass of one layer, {shape}, against the length of a random sequence: "
        "mean and deviation of the repeats. B: how many times longer each takes than the SPSN of this package. Axes "
        "logarithmic."
    )
    remarks = [
        "The layer is the neurons alone, since a Linear in front costs every one of them the same. The paper does not "
        "say which batch and which number of neurons it measured."
    ]
    missing = [PEERS[name] for name in PEERS if name not in installed()]
    if missing:
        remarks.append(f"Not measured, because not installed: {', '.join(missing)}.")
    tables = [_durations(times, steps), _ratio_table(ratios)]
    return Report(tables, [Picture("figure5", caption, lambda: _figure(times, ratios))], ratios, remarks)


def _ratios(times: dict[tuple[str, int], Sample], comparable: bool) -> list[Comparison]:
    """Mean time of each layer over that of our SPSN; only the published loop has a published ratio."""
    found = []
    for (name, length), sample in times.items():
        if name != OURS and (OURS, length) in times:
            labels = {"of": "LIF" if name == "LIF, published loop" else name, "over": "SPSN-SB", "steps": length}
            ratio = Sample(sample.n, sample.mean / times[OURS, length].mean, None)
            target = targets.of(NAME).find("ratio", labels)
            found.append(Comparison("ratio", {"layer": name, "steps": length}, ratio, target, comparable))
    return found


def _durations(times: dict[tuple[str, int], Sample], steps: Sequence[int]) -> Table:
    rows = []
    for name in LAYERS:
        cells = [times.get((name, length)) for length in steps]
        if any(cells):
            rows.append([name, *(NONE if one is None else _milliseconds(one) for one in cells)])
    return Table(
        "Milliseconds of a forward and backward pass (number of repeats)",
        ["layer", *(f"T = {one:,}" for one in steps)],
        rows,
    )


def _milliseconds(one: Sample) -> str:
    deviation = "" if one.deviation is None else f" ± {1e3 * one.deviation:,.2f}"
    return f"{1e3 * one.mean:,.2f}{deviation} ({one.n})"


def _ratio_table(ratios: Sequence[Comparison]) -> Table:
    steps = sorted({int(one.labels["steps"]) for one in ratios})
    cells = {(one.labels["layer"], one.labels["steps"]): one for one in ratios}
    names = list(dict.fromkeys(one.labels["layer"] for one in ratios))
    rows = []
    for name in names:
        known = [one.target.value for one in ratios if one.labels["layer"] == name and one.target is not None]
        row = [f"{cells[name, length].ours.mean:,.2f}" if (name, length) in cells else NONE for length in steps]
        rows.append([str(name), *row, f"up to {known[0]:,.0f} (T = 10,000)" if known else NONE])
    columns = ["time of", *(f"T = {length:,}" for length in steps), "published"]
    return Table(f"Times that of {OURS}", columns, rows, f"Published on {targets.of(NAME).device}, SPSN there by FFT.")


def _figure(times: dict[tuple[str, int], Sample], ratios: Sequence[Comparison]) -> Figure:
    figure = Figure(figsize=(12.5, 5.4), layout="constrained")
    durations, relations = figure.subplots(1, 2)
    for name, (colour, form) in STYLES.items():
        points = sorted((length, sample) for (layer, length), sample in times.items() if layer == name)
        _line(durations, [(length, one.mean, one.deviation or 0) for length, one in points], name, colour, form)
        several = sorted(
            (int(one.labels["steps"]), one.ours.mean, 0.0) for one in ratios if one.labels["layer"] == name
        )
        _line(relations, several, name, colour, form)
    for one in ratios:
        if one.target is not None:
            relations.plot(int(one.labels["steps"]), one.target.value, "*", color="black", markersize=13, zorder=5)
    relations.axhline(1, color=GREEN, linewidth=1.2)
    durations.set(title="A  Duration of training", ylabel="seconds, forward + backward")
    relations.set(title=f"B  Times that of {OURS}", ylabel="ratio of durations")
    for axes in (durations, relations):
        axes.set(xlabel="time steps", xscale="log", yscale="log")
        plain_log(axes.xaxis, axes.yaxis)
    figure.legend(*durations.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    figure.suptitle("SPSN, Figure 5 – one layer over long sequences", x=0.01, ha="left", fontweight="bold", fontsize=14)
    return figure


def _line(axes: Axes, points: Sequence[tuple[int, float, float]], name: str, colour: str, form: str) -> None:
    if points:
        steps, means, deviations = zip(*points, strict=True)
        axes.errorbar(
            steps, means, yerr=deviations, fmt=form, color=colour, label=name, markersize=5, linewidth=1.6, capsize=2.5
        )


EXPERIMENT = Experiment(
    NAME, "Duration of forward and backward pass against sequence length", "spsn", runs, report, alone=True
)
