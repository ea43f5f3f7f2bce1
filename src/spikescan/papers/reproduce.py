"""``spikescan reproduce``: from a name to finished runs and a page."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from spikescan import report as screen
from spikescan.errors import InputError, Stopped, TrainingError
from spikescan.papers import page, recordings, records, runner, targets
from spikescan.papers.experiment import Experiment, Options, Result, Run, Say, experiments, find
from spikescan.papers.page import Page
from spikescan.papers.progress import Display
from spikescan.papers.recordings import Recordings
from spikescan.papers.runner import Site
from spikescan.training.devices import find_device
from spikescan.training.folder import RunFolder


@dataclass(frozen=True)
class Request:
    """The options of the command line."""

    root: Path | None = None
    data: Path | None = None
    store: Path | None = None
    seeds: int | None = None
    quick: bool = False
    jobs: int = 1
    merge: Sequence[Path] = ()
    out: Path | None = None
    device: str | None = None
    overwrite: bool = False
    share: str | None = None
    """``2/3``: the second of three machines' parts of the runs."""


def listing() -> list[dict[str, str]]:
    """What can be reproduced: name, title, paper, where in it, and the data that are needed."""
    return [
        {
            "name": name,
            "title": one.title,
            "paper": targets.published().papers[one.paper].title,
            "where": targets.of(name).where,
            "data": ", ".join([one.needs] if isinstance(one.needs, str) else one.needs or ["none"]),
        }
        for name, one in experiments().items()
    ]


def reproduce(name: str, request: Request, say: Say) -> tuple[Page, list[Path]]:
    """Do what is left to do of an experiment; its page, and the files that were written.

    Raises:
        InputError: for an option, data or folder that is wrong; nothing has been run then.
        Stopped: by Ctrl-C. TrainingError: no run succeeded. Both say how to go on.
    """
    experiment = find(name)
    _check(experiment, request)
    out = request.out or Path("reproduced") / (f"{name}-quick" if request.quick else name)
    seeds = request.seeds or (experiment.quick_seeds if request.quick else experiment.seeds)
    found = _recordings(experiment, request, out)
    options = Options(seeds, request.quick, find_device(request.device or "auto"), found)
    _check_writable(out)
    with RunFolder(out).held():  # two processes would do the same runs, and each call the other's a failure
        runs = _distinct(experiment.runs(options))
        part = _part(runs, request.share)
        for other in request.merge:
            records.merge(out, other, runs, say)
        finished = records.survey(out, runs, request.overwrite)
        left = [run for run in part if run.key not in finished]
        known = finished | _execute(left, len(finished), Site(out, options.recordings, options.device, request.jobs))
        return _page(experiment, options, runs, known, out)


def _check(experiment: Experiment, request: Request) -> None:
    for name, value in (("--seeds", request.seeds), ("--jobs", request.jobs)):
        if value is not None and value < 1:
            raise InputError(f"{name} is {value}, must be at least 1")
    if experiment.alone and request.jobs > 1:
        raise InputError(f"{experiment.name} measures time, so its runs are done one by one: leave --jobs out")
    if experiment.alone and request.seeds is not None:
        raise InputError(f"{experiment.name} measures time and repeats that by itself: leave --seeds out")
    for name, value in (("--root", request.root), ("--data", request.data)):
        if value is not None and experiment.needs is None:
            raise InputError(f"{experiment.name} needs no data: leave {name} out")


def _check_writable(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise InputError(f"{out}: cannot be written ({error.strerror}); choose another --out") from None


def _recordings(experiment: Experiment, request: Request, out: Path) -> Recordings | None:
    if experiment.needs is None:
        return None
    with screen.conversion() as progress:
        return recordings.choose(
            experiment.needs,
            root=request.root,
            data=request.data,
            store=request.store,
            quick=request.quick,
            out=out,
            others=experiment.others,
            progress=progress,
        )


def _part(runs: Sequence[Run], share: str | None) -> Sequence[Run]:
    """Every n-th run, so that each machine gets some of every kind."""
    if share is None:
        return runs
    part, _, parts = share.partition("/")
    if not (part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
        raise InputError(f"--share {share}: expected PART/PARTS, for instance 1/3, 2/3 and 3/3 on three machines")
    if int(part) > len(runs):
        raise InputError(f"--share {share}: there are {len(runs)} runs, of which this machine would get none")
    return runs[int(part) - 1 :: int(parts)]


def _distinct(runs: Sequence[Run]) -> Sequence[Run]:
    keys = [run.key for run in runs]
    if len(set(keys)) < len(keys):
        raise ValueError("two runs of an experiment have the same key")
    return runs


def _execute(left: list[Run], finished: int, site: Site) -> dict[str, records.Record]:
    display = Display(len(left) + finished, finished)
    try:
        with display:
            return runner.execute(left, site, display)
    except KeyboardInterrupt:
        raise Stopped(
            f"stopped with {display.done} of {display.total} runs done; the same command continues from there "
            f"(results so far are in {site.out})"
        ) from None


def _page(
    experiment: Experiment, options: Options, runs: Sequence[Run], known: dict[str, records.Record], out: Path
) -> tuple[Page, list[Path]]:
    done = [(run, known[run.key]) for run in runs if run.key in known and known[run.key].status == "done"]
    if not done:
        first = next(iter(known.values())).error
        raise TrainingError(
            f"none of the {len(runs)} runs succeeded (the first: {first}); the same command tries again"
        )
    results = [Result(run.labels, record.values, record.device) for run, record in done]
    made = Page(experiment, options, runs, known, experiment.report(results, options))
    return made, page.write(made, out)


def show(made: Page, files: Sequence[Path], as_json: bool) -> None:
    """Results to stdout, warnings to stderr; TrainingError where runs have failed."""
    for warning in made.warnings:
        screen.say(warning)
    if as_json:
        screen.show_json(summary(made, files))
    else:
        said = f" ({', '.join(made.options.marks)})" if made.options.marks else ""
        for table in made.report.tables:
            screen.show_table(table.title + said, table.columns, table.rows, numbers=False)
        print("\n".join(str(path) for path in files))
    if made.failed:
        listing = "\n".join(f"  {record.key}: {record.error}" for record in made.failed)
        raise TrainingError(f"{len(made.failed)} runs failed; the same command tries them again\n{listing}")


def show_listing(as_json: bool) -> None:
    known = listing()
    if as_json:
        screen.show_json(known)
        return
    rows = [[one["name"], one["where"], one["title"], one["data"]] for one in known]
    screen.show_table("Published tables and figures", ["name", "in the paper", "what", "data"], rows, numbers=False)


def summary(made: Page, files: Sequence[Path]) -> dict[str, Any]:
    """What a program reads."""
    return {
        "experiment": made.experiment.name,
        "quick": made.options.quick,
        "data": made.recordings,
        "comparable": made.options.comparable,
        "runs": {"all": len(made.runs), "done": len(made.done), "failed": [one.key for one in made.failed]},
        "comparisons": [
            {
                "quantity": one.quantity,
                "labels": dict(one.labels),
                "here": asdict(one.ours),
                "published": None if one.target is None else one.target.model_dump(),
                "difference": one.difference,
                "p": one.p,
            }
            for one in made.report.comparisons
        ],
        "files": [str(path) for path in files],
    }
