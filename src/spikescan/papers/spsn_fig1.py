"""SPSN Figure 1 C: the same input into an LIF neuron and into both SPSNs; potentials and spikes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import spikescan as ss
from spikescan.papers._spsn import COLOURS
from spikescan.papers.experiment import Experiment, Options, Picture, Report, Result, Run, Table, Workplace

NAME = "spsn-fig1"
SETTINGS = {"steps": 300, "dt": 1e-3, "tau_mem": 20e-3, "tau_syn": 20e-3, "threshold": 1.0, "weight": 1.5}
RATES = (10.0, 60.0, 140.0, 0.0, 90.0)
"""Input spikes a second, each for a fifth of the time: quiet, busy and silent stretches."""


def runs(options: Options) -> list[Run]:
    return [
        Run(f"seed-{seed}", neurons, SETTINGS | {"rates": list(RATES), "seed": seed}, {"seed": seed})
        for seed in range(options.seeds)
    ]


def neurons(settings: dict[str, Any], place: Workplace) -> dict[str, Any]:
    """Input spikes, and potential and spikes of each neuron, as lists over time."""
    steps, dt, seed = settings["steps"], settings["dt"], settings["seed"]
    rate = np.repeat(settings["rates"], -(-steps // len(settings["rates"])))[:steps]
    arrived = np.random.default_rng(seed).random(steps) < rate * dt
    current = torch.from_numpy(settings["weight"] * arrived).float().reshape(-1, 1, 1)  # (T, 1, 1)
    taus = settings["tau_mem"], settings["tau_syn"], dt
    layers = {
        "LIF": ss.LIF(*taus, settings["threshold"]),
        "SPSN-SB": ss.SPSN(*taus, firing="bernoulli"),
        "SPSN-GS": ss.SPSN(*taus, firing="gumbel"),
    }
    found: dict[str, Any] = {
        "input": arrived.astype(int).tolist(),
        "input spikes per ms": float(arrived.mean()) / (1e3 * dt),
    }
    for name, layer in layers.items():
        out = layer.run(current, seed=seed, potentials=True)
        assert out.spikes is not None
        assert out.potential is not None
        spikes = out.spikes.flatten()
        found |= {f"{name} potential": out.potential.flatten().tolist(), f"{name} spikes": spikes.int().tolist()}
        found[f"{name} spikes per ms"] = float(spikes.mean()) / (1e3 * dt)
    return found


def report(results: Sequence[Result], options: Options) -> Report:
    values = results[0].values
    caption = (
        "Figure 1 C: one input (top) into three neurons. Lines are membrane potentials, marks the spikes. LIF spikes "
        "where its potential reaches the threshold (broken line) and is reset; an SPSN never is, and spikes by chance, "
        "the more often the higher its potential."
    )
    rows = [[name, *_counts(values, name)] for name in ("LIF", "SPSN-SB", "SPSN-GS")]
    columns = ["neuron", "spikes", "spikes / ms", "spikes / ms, upper half of its potential", "lower half"]
    picture = Picture("figure1", caption, lambda: _figure(values))
    return Report([Table("Spikes of the neurons in the picture", columns, rows)], [picture])


def _counts(values: Any, name: str) -> list[str]:
    spikes, potential = np.array(values[f"{name} spikes"]), np.array(values[f"{name} potential"])
    high = potential >= np.median(potential)
    rates = (spikes.mean(), spikes[high].mean(), spikes[~high].mean())
    return [str(spikes.sum()), *(f"{rate / (1e3 * SETTINGS['dt']):.3f}" for rate in rates)]


def _figure(values: Any) -> Figure:
    figure = Figure(figsize=(11, 8), layout="constrained")
    arrived, *panels = figure.subplots(4, 1, sharex=True, height_ratios=[0.35, 1, 1, 1])
    times = np.arange(len(values["input"])) * SETTINGS["dt"] * 1e3
    arrived.eventplot(times[np.array(values["input"]) == 1], colors="#4a505a", linelengths=0.8, linewidths=1.2)
    arrived.set(title="Input spikes", yticks=[])
    arrived.spines["left"].set_visible(False)
    for axes, name in zip(panels, ("LIF", "SPSN-SB", "SPSN-GS"), strict=True):
        _panel(axes, times, values, name)
    panels[0].axhline(SETTINGS["threshold"], color="#4a505a", linewidth=1, linestyle=(0, (4, 3)))
    panels[-1].set(xlabel="time in ms", xlim=(0, times[-1]))
    figure.suptitle(
        "SPSN, Figure 1 – the same input into three neurons", x=0.01, ha="left", fontweight="bold", fontsize=14
    )
    return figure


def _panel(axes: Axes, times: np.ndarray, values: Any, name: str) -> None:
    potential, spikes = np.array(values[f"{name} potential"]), np.array(values[f"{name} spikes"])
    top = max(potential.max(), SETTINGS["threshold"]) if name == "LIF" else potential.max()
    axes.plot(times, potential, color="#4a505a", linewidth=1.5)
    axes.vlines(times[spikes == 1], 1.08 * top, 1.3 * top, color=COLOURS[name], linewidth=1.1)
    axes.set(title=f"{name}: {spikes.sum()} spikes", ylabel="potential", ylim=(-0.05 * top, 1.36 * top))
    axes.set_yticks([tick for tick in axes.get_yticks() if 0 <= tick <= 1.02 * top])
    axes.grid(False, axis="x")


EXPERIMENT = Experiment(NAME, "One input into LIF and SPSN neurons", "spsn", runs, report, seeds=1, quick_seeds=1)
