"""`spikescan evaluate`: what a finished run does on a split of its data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from spikescan import report
from spikescan.cli._shared import Device, Json, Root, Store, answer_ctrl_c, command

if TYPE_CHECKING:
    from spikescan.training.evaluate import Measurement


@command(stopped="nothing was changed")
def evaluate(
    run_folder: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a finished run.")],
    split: Annotated[Literal["train", "validation", "test"], typer.Option(help="The samples to evaluate on.")] = "test",
    protocol: Annotated[
        Literal["held-out", "published"] | None,
        typer.Option(
            help="held-out: mask padding; published: pad on the left and include it in the average; default: the run's."
        ),
    ] = None,
    root: Root = None,
    store: Store = None,
    device: Device = None,
    as_json: Json = False,
) -> None:
    """Evaluate the trained network of RUN.

    Shows accuracy, loss, spikes per ms, spike rate by layer, synaptic operations per sample and the confusion matrix.
    Nothing is written.
    """
    from spikescan.training import evaluate as measuring

    answer_ctrl_c()

    with report.conversion() as progress:
        measured, material = measuring.evaluate_run(
            run_folder, split, protocol=protocol, root=root, store=store, device=device, progress=progress
        )
    if warning := measuring.other_data(run_folder, material, split):
        report.say(warning)
    label = protocol or material.recipe.protocol.name
    if as_json:
        report.show_json({"run": str(run_folder), "protocol": label, **asdict(measured)})
        return
    values = asdict(measured)
    report.show_pairs(
        f"{run_folder}, {split} samples",
        {
            "accuracy": f"{report.percent(measured.accuracy)} of {measured.samples} ({label} protocol)",
            "loss": report.number(measured.loss, 4),
            **report.measurement(values),
        },
    )
    _show_confusion(measured, material.answers)


def _show_confusion(measured: Measurement, names: Sequence[str]) -> None:
    """The matrix where the terminal is wide enough for all of it, else each class's accuracy and the worst mistakes."""
    if measured.confusion is not None:
        names = names[: len(measured.confusion)]
        rows = [[name, *(str(count or "·") for count in counts)] for name, counts in zip(names, measured.confusion)]
        if report.fits([["", *names], *rows]):
            report.show_table("confusion: rows are the true class, columns the predicted", ["", *names], rows)
            return
    by_class = [
        [names[label], str(samples), str(right), report.percent(right / samples)]
        for label, samples, right in measured.by_class
    ]
    report.show_table("by class", ["class", "samples", "correct", "accuracy"], by_class)
    mistakes = [[names[label], names[answer], str(count)] for label, answer, count in measured.mistakes]
    report.show_table("most frequent errors", ["class", "predicted", "samples"], mistakes)
    where = "shown in a wider terminal, in a pipe, with --json, and (for test samples) among the run's pictures"
    report.say(f"confusion matrix: {where if measured.confusion else 'not computed for so many classes'}")
