"""SPSN Figure 6: the same input ten times through a trained network; does chance change the answer?"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spikescan.data.event_tensor import Batch
from spikescan.papers import targets
from spikescan.papers._spsn import LIMITS, limited, spsn_run
from spikescan.papers.experiment import Experiment, Options, Picture, Report, Result, Run, Workplace
from spikescan.papers.statistics import compare
from spikescan.papers.tables import comparison_table
from spikescan.papers.training_runs import PROTOCOLS, train, trained
from spikescan.training.build import Material
from spikescan.training.loaders import EvaluationBatches
from spikescan.training.losses import readout, valid_steps
from spikescan.training.networks import Network
from spikescan.training.style import GREY, ORANGE

NAME = "spsn-fig6"
TRIALS = 10
QUICK = {"training.epochs": 8, "data.limit": 16}
LINE = 200
"""Points of a readout over time that are kept for the picture."""


def runs(options: Options) -> list[Run]:
    return [
        spsn_run(neuron, limited(limit), protocol, seed, options, work=train_and_repeat, quick=QUICK, trials=TRIALS)
        for seed in range(options.seeds)
        for neuron, limit in LIMITS.items()
        for protocol in PROTOCOLS
    ]


def train_and_repeat(settings: dict[str, Any], place: Workplace) -> dict[str, Any]:
    """Train as everywhere else; then every test sample ``trials`` times, with other draws each time."""
    summary = train(settings, place)
    stuff, network = trained(settings, place)
    found = _repeat(network, stuff, settings["trials"], place)
    return {key: summary[key] for key in ("test_accuracy", "spikes_per_ms", "elapsed_seconds")} | found


@torch.no_grad()
def _repeat(network: Network, stuff: Material, trials: int, place: Workplace) -> dict[str, Any]:
    batches = EvaluationBatches(stuff.maker("test"), stuff.splits["test"], batch_size=stuff.recipe.training.batch_size)
    answers, first = [], {}
    for number, cpu_batch in enumerate(batches):
        batch = cpu_batch.to(place.device)
        outputs = [_pass(network, batch, stuff, 1 + number * trials + trial) for trial in range(trials)]
        answers.append(torch.stack([scores.argmax(1) for _, scores in outputs]))  # (trials, B)
        if not number:
            first = _first_sample(outputs, batch, stuff)
    given = torch.cat(answers, 1)
    usual = given.mode(0).values
    same = (given == usual).double()
    return {"same_label_always": same.amin(0).mean().item(), "same_label": same.mean().item(), **first}


def _pass(network: Network, batch: Batch, stuff: Material, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Potentials (T, B, classes) of the readout, and scores (B, classes)."""
    lengths = batch.lengths if stuff.recipe.data.mask else None
    potential = network.run(batch.events, seed=seed, lengths=lengths).readout
    return potential, readout(potential, stuff.recipe.loss.readout, lengths)


def _first_sample(
    outputs: Sequence[tuple[torch.Tensor, torch.Tensor]], batch: Batch, stuff: Material
) -> dict[str, Any]:
    """What the picture needs of the first test sample, mean and deviation over the trials."""
    potentials = torch.stack([potential[:, 0] for potential, _ in outputs]).cpu()  # (trials, T, classes)
    scores = torch.stack([scores[0] for _, scores in outputs]).cpu()  # (trials, classes)
    if stuff.recipe.data.mask:
        potentials = potentials[:, valid_steps(potentials[0, :, None], batch.lengths[:1].cpu())[:, 0]]
    chosen = torch.linspace(0, potentials.shape[1] - 1, min(LINE, potentials.shape[1])).long()
    potentials = potentials[:, chosen]
    return {
        "label": int(batch.labels[0]),
        "answers": list(stuff.answers),
        "milliseconds": (chosen * stuff.recipe.data.step * 1e3).tolist(),
        "score_mean": scores.mean(0).tolist(),
        "score_deviation": scores.std(0).tolist(),
        "over_time_mean": potentials.mean(0).T.tolist(),
        "over_time_deviation": potentials.std(0).T.tolist(),
    }


def report(results: Sequence[Result], options: Options) -> Report:
    by = ("protocol", "neuron")
    found = {
        name: compare(results, name, by, targets.of(NAME), comparable=options.comparable, scale=100)
        for name in ("same_label", "same_label_always", "test_accuracy")
    }
    note = f"Every test sample passes {TRIALS} times; its usual label is the most frequent of its {TRIALS} answers."
    tables = [
        comparison_table("Passes that give the sample's usual label", found["same_label"], "%", note=note),
        comparison_table(f"Test samples with the same label in all {TRIALS} passes", found["same_label_always"], "%"),
        comparison_table("Test accuracy of the trained network", found["test_accuracy"], "%"),
    ]
    shown: dict[tuple[str, str], Any] = {}  # of each network, the first seed's
    for one in results:
        shown.setdefault((str(one.labels["neuron"]), str(one.labels["protocol"])), one.values)
    pictures = [
        Picture(
            f"figure6-{neuron}-{protocol}".lower(),
            _caption(neuron, protocol),
            partial(_figure, values, neuron, protocol),
        )
        for (neuron, protocol), values in shown.items()
    ]
    return Report(tables, pictures, [one for every in found.values() for one in every])


def _caption(neuron: str, protocol: str) -> str:
    return (
        f"Figure 6, {neuron}, {protocol} protocol: the first test sample {TRIALS} times. Left: what decides, the mean "
        "over time of each readout neuron's potential; mean and deviation over the trials. Right: the potentials over "
        "time, with their deviation as a band. The right class in orange."
    )


def _figure(values: Any, neuron: str, protocol: str) -> Figure:
    figure = Figure(figsize=(12.5, 5), layout="constrained")
    scores, lines = figure.subplots(1, 2, width_ratios=[1, 1.25])
    label, names = values["label"], values["answers"]
    colours = [ORANGE if index == label else GREY for index in range(len(names))]
    scores.bar(
        range(len(names)),
        values["score_mean"],
        0.7,
        color=colours,
        yerr=values["score_deviation"],
        ecolor="#22262c",
        capsize=2.5,
    )
    scores.set_xticks(range(len(names)), names, rotation=60, ha="right", rotation_mode="anchor", fontsize=9)
    scores.axhline(0, color="#22262c", linewidth=0.8)
    scores.grid(False, axis="x")
    scores.set(title="Mean over time", ylabel="potential")
    _over_time(lines, values, colours)
    figure.suptitle(
        f"SPSN, Figure 6 – the same input {TRIALS} times ({neuron}, {protocol} protocol)",
        x=0.01,
        ha="left",
        fontweight="bold",
        fontsize=14,
    )
    return figure


def _over_time(axes: Axes, values: Any, colours: Sequence[str]) -> None:
    times = torch.tensor(values["milliseconds"])
    order = sorted(range(len(colours)), key=lambda index: index == values["label"])
    for index in order:
        mean, deviation = (torch.tensor(values[f"over_time_{what}"][index]) for what in ("mean", "deviation"))
        right = index == values["label"]
        axes.plot(times, mean, color=colours[index], linewidth=2.2 if right else 0.9)
        axes.fill_between(
            times, mean - deviation, mean + deviation, color=colours[index], alpha=0.35 if right else 0.18, lw=0
        )
    axes.set(title="Over time", xlabel="time in ms", ylabel="potential")


EXPERIMENT = Experiment(
    NAME,
    "The same input ten times through a trained network",
    "spsn",
    runs,
    report,
    needs="shd",
    seeds=1,
    quick_seeds=1,
)
