"""`spikescan train`: one run, from a recipe to a folder of results."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from spikescan import report
from spikescan.cli import _names
from spikescan.cli._shared import DATA, RESULTS, Channels, Data, Device, Json, Root, Store, answer_ctrl_c, command
from spikescan.errors import InputError, Stopped


@command()
def train(
    data: Data,
    neuron: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The hidden neurons: spsn-gs, spsn-sb, lif, mpe-psn, relu, … (any registered name); "
            "default: the recipe's.",
            autocompletion=_names.completing(_names.neurons),
        ),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE",
            help="A packaged recipe, or a TOML file; default: the data set's best known recipe.",
            autocompletion=_names.completing(_names.recipes),
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Set any key of the recipe, e.g. training.lr=0.01; may be repeated."
        ),
    ] = None,
    epochs: Annotated[int | None, typer.Option(metavar="N", help="Passes over the training set.")] = None,
    batch_size: Annotated[int | None, typer.Option(metavar="N", help="Batch size.")] = None,
    rate_limit: Annotated[
        float | None,
        typer.Option(
            metavar="θ", help="Penalise firing above θ spikes per neuron and step (spike-frequency regulariser)."
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Seed of every random choice.")] = None,
    init_from: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Start from the weights of a finished run (fine-tuning).")
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
    workers: Annotated[int | None, typer.Option(metavar="N", help="Processes that make batches.")] = None,
    logger: Annotated[
        Literal["tensorboard", "csv", "wandb", "mlflow"] | None, typer.Option(help="Where the history is logged.")
    ] = None,
    device: Device = None,
    root: Root = None,
    channels: Channels = None,
    store: Store = None,
    augment: Annotated[
        bool | None,
        typer.Option("--augment/--no-augment", help="Scale and shift training samples.", rich_help_panel=DATA),
    ] = None,
    holdout_speaker: Annotated[
        int | None, typer.Option(metavar="S", help="Use speaker S for validation.", rich_help_panel=DATA)
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of the run; default: runs/DATA-NEURON-SEED.", rich_help_panel=RESULTS),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the run in --out.", rich_help_panel=RESULTS)
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the run in --out.", rich_help_panel=RESULTS)
    ] = False,
    as_json: Json = False,
) -> None:
    """Train a network on DATA.

    \b
    The run's folder holds:
      recipe.toml        every setting that was used
      metrics.csv        one row per epoch
      metrics.json       the summary: accuracy, speed, spikes, versions
      model.safetensors  the weights of the chosen epoch
      checkpoints/       what --resume continues from
      tensorboard/       the same figures for TensorBoard
      pictures/          learning curves, one sample through the layers,
                         spike rate by layer, confusion matrix
    """
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
        raise InputError("--resume continues a run and --overwrite replaces it: give one of them")
    request = Request(data, recipe, changes, settings or [], out, store, resume, overwrite)
    try:
        summary = request.train()
    except KeyboardInterrupt:
        raise Stopped(request.stopped()) from None
    _show_summary(summary, request.folder, as_json)


@dataclass
class Request:
    """What the command line asks for, and how far it has come."""

    data: str
    recipe: str | None
    changes: dict[str, Any]
    settings: list[str]
    out: Path | None
    store: Path | None
    resume: bool
    overwrite: bool
    folder: Path = Path()
    begun: bool = False
    """Whether what ``folder`` holds is of this run."""

    def train(self) -> dict[str, Any]:
        """The run's summary."""
        from spikescan.data import catalog

        catalog.find(self.data)
        from spikescan.training import custom, recipe_files, run

        answer_ctrl_c()

        changes = self._changes([recipe_files.parse_setting(setting) for setting in self.settings])
        custom.import_asked_for(changes)
        recipe = recipe_files.load(self.recipe or self.data, changes)
        name = catalog.shown(recipe.data.name, recipe.data.root)
        self.folder = self.out or Path("runs") / f"{name}-{recipe.neuron.name}-{recipe.seed}"
        if self.resume and self.recipe is None:
            recipe = run.recorded(self.folder, changes)
        options: Any = {"resume": self.resume, "overwrite": self.overwrite}
        self.begun = self.resume
        with report.conversion() as progress:
            stuff = run.prepare(recipe, self.folder, store=self.store, progress=progress, **options)
        self.begun = True
        return run.train(stuff, self.folder, say=report.say, **options)

    def _changes(self, settings: list[tuple[str, Any]]) -> dict[str, Any]:
        """The options and ``--set`` together; InputError where they contradict each other."""
        given = dict(settings)
        for key in given.keys() & self.changes.keys():
            if given[key] != self.changes[key]:
                raise InputError(f"--set {key}={given[key]}: the argument or option for it says {self.changes[key]}")
        return self.changes | given

    def stopped(self) -> str:
        """After Ctrl-C: how to go on."""
        if not (self.begun and (self.folder / "recipe.toml").is_file()):
            return "stopped before training began; the same command starts again"
        place = [] if self.store is None else ["--store", str(self.store)]
        again = ["spikescan", "train", self.data, "--out", str(self.folder), *place, "--resume"]
        return f"stopped; continue with: {shlex.join(again)}"


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
            "seconds per epoch": report.number(summary["seconds_per_epoch"]),
            **report.measurement(summary),
            "parameters": f"{summary['parameters']:,}",
            "run": str(folder),
        },
    )
