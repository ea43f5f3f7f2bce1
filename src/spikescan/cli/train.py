"""`spikescan train`: one run, from a recipe to a folder of results."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from spikescan import report
from spikescan.cli._shared import Data, Device, Json, Root, Store, app, guarded
from spikescan.errors import InputError, TrainingError


@app.command()
@guarded
def train(
    data: Data,
    neuron: Annotated[
        str | None,
        typer.Option(help="lif, spsn-sb, spsn-gs, mpe-psn, relu, vanilla-lif, or one of your own."),
    ] = None,
    root: Root = None,
    channels: Annotated[int | None, typer.Option(help="Input channels, where the files do not say.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training samples.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Samples a step.")] = None,
    augment: Annotated[
        bool | None, typer.Option("--augment/--no-augment", help="Scale and shift the training samples.")
    ] = None,
    rate_limit: Annotated[
        float | None, typer.Option(help="θ of the spike-frequency regulariser, spikes a step and neuron.")
    ] = None,
    holdout_speaker: Annotated[int | None, typer.Option(help="Validate on this speaker.")] = None,
    recipe: Annotated[str | None, typer.Option(help="A packaged recipe's name, or a TOML file.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Any key of the recipe, repeatable."),
    ] = None,
    init_from: Annotated[
        Path | None, typer.Option(help="Folder of a finished run whose weights are the first (fine-tuning).")
    ] = None,
    early_stopping: Annotated[
        int | None, typer.Option(metavar="N", help="Stop after N epochs without a better validation accuracy.")
    ] = None,
    class_weights: Annotated[
        bool | None, typer.Option("--class-weights", help="Weigh rare classes more in the loss.")
    ] = None,
    precision: Annotated[
        Literal["32", "16", "bf16"] | None, typer.Option(help="Number format; 16 and bf16 are mixed precision.")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Processes that make batches.")] = None,
    logger: Annotated[
        Literal["tensorboard", "csv", "wandb", "mlflow"] | None, typer.Option(help="Where the history is logged.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Governs every random choice.")] = None,
    device: Device = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run; default: runs/DATA-NEURON-SEED.")] = None,
    store: Store = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the run in --out.")] = False,
    as_json: Json = False,
) -> None:
    """Train on DATA. Without --recipe the data set's best known recipe is used."""
    changes: dict[str, Any] = {
        "data.name": data,
        "neuron.name": neuron,
        "data.root": root and str(root.expanduser().resolve()),
        "data.channels": channels,
        "training.epochs": epochs,
        "training.batch_size": batch_size,
        "data.augment": augment,
        "loss.rate_limit": rate_limit,
        "protocol.holdout_speaker": holdout_speaker,
        "training.device": device,
        "training.init_from": init_from and str(init_from.expanduser().resolve()),
        "training.early_stopping": early_stopping,
        "loss.class_weights": class_weights,
        "training.precision": precision,
        "training.workers": workers,
        "training.logger": logger,
        "seed": seed,
    }
    changes = {key: value for key, value in changes.items() if value is not None}
    if resume and overwrite:
        raise InputError("--resume goes on with a run and --overwrite replaces it: give one of them")
    summary, folder = _train(data, recipe, changes, settings or [], out, store, resume, overwrite)
    _show_summary(summary, folder, as_json)


def _train(
    data: str,
    name: str | None,
    changes: dict[str, Any],
    settings: list[str],
    out: Path | None,
    store: Path | None,
    resume: bool,
    overwrite: bool,
) -> tuple[dict[str, Any], Path]:
    from spikescan.data import catalog
    from spikescan.training import custom, recipe_files, run

    catalog.find(data)
    given = dict(recipe_files.parse_setting(setting) for setting in settings)
    for key in given.keys() & changes.keys():
        if given[key] != changes[key]:
            raise InputError(f"--set {key}={given[key]}: the argument or option for it says {changes[key]}")
    changes = changes | given
    for key in ("neuron.name", "neuron.firing"):
        if ":" in str(changes.get(key, "")):
            custom.import_named(changes[key])
    recipe = recipe_files.load(name or data, changes)
    folder = out or Path("runs") / f"{recipe.data.name}-{recipe.neuron.name}-{recipe.seed}"
    if resume and name is None:
        recipe = run.recorded(folder, changes)
    try:
        with report.conversion() as progress:
            stuff = run.prepare(recipe, folder, store=store, resume=resume, overwrite=overwrite, progress=progress)
        return run.train(stuff, folder, resume=resume, overwrite=overwrite, say=report.say), folder
    except KeyboardInterrupt:
        place = [] if store is None else ["--store", str(store)]
        again = shlex.join(["spikescan", "train", data, "--out", str(folder), *place, "--resume"])
        raise TrainingError(f"stopped; go on with: {again}") from None


def _show_summary(summary: dict[str, Any], folder: Path, as_json: bool) -> None:
    if as_json:
        report.show_json(summary | {"folder": str(folder)})
        return
    report.show_pairs(
        f"{summary['neuron']} on {summary['data']}",
        {
            "test accuracy": f"{report.percent(summary['test_accuracy'])} ({summary['protocol']} protocol)",
            "best test accuracy": report.percent(summary["best_test_accuracy"]),
            "validation accuracy": report.percent(summary["validation_accuracy"]),
            "chosen epoch": f"{summary['epoch']} of {summary['epochs']}",
            "seconds an epoch": report.number(summary["seconds_per_epoch"]),
            **report.measurement(summary),
            "parameters": f"{summary['parameters']:,}",
            "run": str(folder),
        },
    )
