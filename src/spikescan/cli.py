"""The command line. Whatever is slow to import is imported by the command that needs it."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, ParamSpec

import typer

from spikescan import report
from spikescan.errors import InputError, TrainingError

if TYPE_CHECKING:
    from spikescan.training.evaluate import Measurement

app = typer.Typer(
    help="Spiking neural networks trained over all time steps at once.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
data_app = typer.Typer(help="What is on disk, download, and conversion to the event store.", no_args_is_help=True)
app.add_typer(data_app, name="data")

Device = Annotated[Literal["cpu", "cuda"] | None, typer.Option(help="Default: cuda where torch sees one.")]
Root = Annotated[Path | None, typer.Option(help="Folder of the data set, in its native layout.")]
Store = Annotated[Path | None, typer.Option(help="Folder of converted data sets; default: your cache.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Data = Annotated[str, typer.Argument(help="digits (built in), shd, ssc, nmnist, …; `data info` lists them.")]


P = ParamSpec("P")


def _guarded(command: Callable[P, None]) -> Callable[P, None]:
    """Errors that a person can mend become a message and an exit code, not a traceback."""

    @functools.wraps(command)
    def run(*arguments: P.args, **options: P.kwargs) -> None:
        try:
            command(*arguments, **options)
        except InputError as error:
            _fail(error, 2)
        except TrainingError as error:
            _fail(error, 1)
        except OSError as error:
            _fail(f"{error.filename or 'a file'}: {error.strerror or error}", 1)
        except KeyboardInterrupt:
            _fail("stopped", 1)

    return run


def _fail(message: object, code: int) -> None:
    report.say(f"spikescan: {message}")
    raise typer.Exit(code) from None


@app.command()
@_guarded
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
    from spikescan.training import recipe_files, run

    catalog.find(data)
    given = dict(recipe_files.parse_setting(setting) for setting in settings)
    for key in given.keys() & changes.keys():
        if given[key] != changes[key]:
            raise InputError(f"--set {key}={given[key]}: the argument or option for it says {changes[key]}")
    changes = changes | given
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


@app.command()
@_guarded
def evaluate(
    run_folder: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a finished run.")],
    split: Annotated[Literal["train", "validation", "test"], typer.Option(help="Which samples.")] = "test",
    protocol: Annotated[
        Literal["held-out", "published"] | None,
        typer.Option(help="Padding masked, or in front and averaged over; default: the run's."),
    ] = None,
    root: Root = None,
    store: Store = None,
    device: Device = None,
    as_json: Json = False,
) -> None:
    """Accuracy, confusion matrix, spikes/ms, spike rate by layer and synaptic operations of a trained run."""
    from spikescan.training import evaluate as measuring

    with report.conversion() as progress:
        measured, material = measuring.evaluate_run(
            run_folder, split, protocol=protocol, root=root, store=store, device=device, progress=progress
        )
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
    report.show_table("by class", ["class", "samples", "right", "accuracy"], by_class)
    mistakes = [[names[label], names[answer], str(count)] for label, answer, count in measured.mistakes]
    report.show_table("most frequent mistakes", ["class", "predicted", "samples"], mistakes)
    where = "a wider terminal, a pipe or --json shows it; the run's pictures have that of its test samples"
    report.say(f"confusion matrix: {where if measured.confusion else 'none is made of so many classes'}")


@data_app.command("info")
@_guarded
def data_info(
    data: Annotated[str | None, typer.Argument(help="A data set; without it, all that are known.")] = None,
    root: Root = None,
    store: Store = None,
    channels: Annotated[int | None, typer.Option(help="Input channels, where the files do not say.")] = None,
    as_json: Json = False,
) -> None:
    """What is known about one data set (converted if it was not yet), or about all."""
    if data is not None:
        _convert(data, root, store, channels, as_json)
        return
    from spikescan.data.info import overview

    known = overview(store)
    if as_json:
        report.show_json([asdict(item) for item in known])
        return
    rows = [
        [
            item.name,
            item.what,
            report.size(item.bytes) if item.folders else "–",
            item.where or "none, built in",
        ]
        for item in known
    ]
    report.show_table("Data sets", ["name", "what", "converted", "files needed (--root)"], rows, numbers=False)


@data_app.command("fetch")
@_guarded
def data_fetch(
    data: Data,
    root: Annotated[Path | None, typer.Option(help="The folder to make; default: data/NAME.")] = None,
    as_json: Json = False,
) -> None:
    """Download a data set, check it and unpack it; a download that broke off is gone on with."""
    from spikescan.data.fetch import fetch

    with report.download() as progress:
        folder = fetch(data, root, progress)
    report.say(f"{data} is there; `spikescan train {data} --root {folder}` takes it")
    report.show_json({"data": data, "folder": str(folder)}) if as_json else print(folder)


@data_app.command("convert")
@_guarded
def data_convert(
    data: Data,
    root: Root = None,
    store: Store = None,
    channels: Annotated[int | None, typer.Option(help="Input channels, where the files do not say.")] = None,
    as_json: Json = False,
) -> None:
    """Convert a data set to the event store; a set that is there already is only checked."""
    _convert(data, root, store, channels, as_json)


def _convert(data: str, root: Path | None, store: Path | None, channels: int | None, as_json: bool) -> None:
    from spikescan.data.catalog import load
    from spikescan.data.info import describe

    with report.conversion() as progress:
        found = describe(load(data, root=root, store=store, channels=channels, progress=progress))
    for sentence in found.repairs:
        report.say(sentence)
    if as_json:
        report.show_json(asdict(found))
        return
    rows = [
        [
            name,
            f"{split.samples:,}",
            f"{split.events:,}",
            f"{split.events_per_sample.median:,.0f}",
            f"{split.seconds.median:.3f} ({split.seconds.minimum:.3f} to {split.seconds.maximum:.3f})",
            "–" if split.speakers is None else str(len(split.speakers)),
        ]
        for name, split in found.splits.items()
    ]
    size = report.size(found.bytes)
    title = f"{data}: {found.channels} channels, {found.classes} classes, {size} in {found.folder}"
    report.show_table(title, ["split", "samples", "events", "events a sample", "seconds a sample", "speakers"], rows)


@app.command()
@_guarded
def demo(
    out: Annotated[Path, typer.Option(help="Folder of both runs.")] = Path("runs/demo"),
    epochs: Annotated[int | None, typer.Option(help="Passes over the training samples.")] = None,
    seed: Annotated[int, typer.Option(help="Governs every random choice.")] = 0,
    store: Store = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what an earlier demo left.")] = False,
    as_json: Json = False,
) -> None:
    """Train SPSN-GS and LIF on the built-in digits and compare accuracy, seconds an epoch and spikes/ms."""
    from spikescan import demonstration

    result = demonstration.compare(out, epochs=epochs, seed=seed, store=store, overwrite=overwrite, say=report.say)
    if as_json:
        report.show_json(result)
        return
    rows = [
        [
            name,
            report.percent(run["test_accuracy"]),
            report.number(run["seconds_per_epoch"]),
            report.number(run["spikes_per_ms"]),
        ]
        for name, run in result["runs"].items()
    ]
    report.show_table(
        "SPSN-GS against LIF on digits", ["neuron", "test accuracy", "seconds an epoch", "spikes/ms"], rows
    )
    print("\n".join(["Pictures:", *(f"  {path}" for path in result["pictures"])]))


@app.command()
@_guarded
def bench(
    device: Device = None,
    peers: Annotated[
        bool, typer.Option("--peers", help="Measure SpikingJelly and snnTorch too, where installed.")
    ] = False,
    out: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("runs/bench"),
    quick: Annotated[bool, typer.Option("--quick", help="Small sizes: shows that it works, measures nothing.")] = False,
    rows: Annotated[
        list[str] | None, typer.Option("--rows", metavar="NAME", help="One row alone; repeatable. Default: all.")
    ] = None,
    root: Annotated[
        Path | None, typer.Option(help="Recordings in SHD layout for the epoch; default: generated.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what an earlier benchmark left.")] = False,
    as_json: Json = False,
) -> None:
    """Time and memory against plain torch, copies of memory and other packages, as ratios inside one run."""
    from spikescan.bench import run, show, sizes

    chosen = sizes.QUICK if quick else sizes.FULL
    results, whole = run.run(
        device, out, rows=rows or [], peers=peers, root=root, sizes=chosen, overwrite=overwrite, say=report.say
    )
    show.show_json(results) if as_json else show.show(results)
    if not whole:
        raise KeyboardInterrupt


@app.command()
@_guarded
def reproduce(
    name: Annotated[str | None, typer.Argument(help="A table or figure; --list shows them.")] = None,
    listing: Annotated[bool, typer.Option("--list", help="What can be reproduced.")] = False,
    root: Annotated[
        Path | None,
        typer.Option(help="Folder with the paper's own data set; of several, with a sub-folder NAME for each."),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Another set in the same layout, likewise; results are labelled so.")
    ] = None,
    seeds: Annotated[int | None, typer.Option(help="Repetitions; default: the paper's.")] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="A few minutes' check of the whole path; not a result.")
    ] = False,
    jobs: Annotated[int, typer.Option(help="Runs side by side.")] = 1,
    share: Annotated[
        str | None, typer.Option(help="2/3: the second of three machines' parts; --merge joins them.")
    ] = None,
    merge: Annotated[
        list[Path] | None, typer.Option(help="Take the finished runs of another machine's --out, repeatable.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of runs and page; default: reproduced/NAME.")] = None,
    device: Device = None,
    store: Store = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Do again what was done with other settings.")] = False,
    as_json: Json = False,
) -> None:
    """Run a published table or figure: mean and deviation over seeds, the published values beside. Goes on where
    it was stopped."""
    from spikescan.papers import reproduce as papers

    if listing or name is None:
        if not listing:
            raise InputError("reproduce: name a table or figure, or --list shows them")
        papers.show_listing(as_json)
        return
    request = papers.Request(root, data, store, seeds, quick, jobs, merge or (), out, device, overwrite, share)
    papers.show(*papers.reproduce(name, request, report.say), as_json)


@app.command()
@_guarded
def info(as_json: Json = False) -> None:
    """Versions, devices, backends, instruction set, threads, and which backend `auto` takes and why."""
    from spikescan.info import describe

    found = describe()
    report.show_json(found) if as_json else _show_info(found)


def _show_info(found: dict[str, Any]) -> None:
    cpu, memory = found["cpu"], found["memory"]
    pairs = {
        **{name: version or "not installed" for name, version in found["versions"].items()},
        **{f"device {device}": what for device, what in found["devices"].items()},
        **{f"backend {name}": state["reason"] or "available" for name, state in found["backends"].items()},
        "instruction set": cpu["instruction_set"] + (" (SPIKESCAN_ISA)" if cpu["instruction_set_forced"] else ""),
        "threads": str(cpu["threads"]),
        "OpenMP runtime": "shared with torch" if cpu["openmp_shared_with_torch"] else "none found: one thread",
        "freed memory": ("kept" if memory["freed_memory_kept"] else "not kept") + f" ({memory['reason']})",
        "huge pages": "asked for" if memory["huge_pages"] else "not asked for",
    }
    report.show_pairs("spikescan on this machine", pairs)
    rows = [[row["device"], row["dtype"], row["backend"], row["reason"]] for row in found["auto"]]
    report.show_table('What backend="auto" takes', ["device", "dtype", "backend", "why"], rows, numbers=False)


def main() -> None:
    """The console script."""
    app()
