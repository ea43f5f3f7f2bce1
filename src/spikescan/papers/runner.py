"""Doing runs: one after the other or side by side, each kept when it is done, none lost when one fails."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import torch

from spikescan.errors import InputError, TrainingError
from spikescan.papers import records
from spikescan.papers.experiment import Run, Say, Workplace
from spikescan.papers.progress import Display
from spikescan.papers.recordings import Recordings
from spikescan.papers.records import Record
from spikescan.training.provenance import provenance


@dataclass(frozen=True)
class Site:
    """Where all runs of an experiment are done."""

    out: Path
    recordings: Recordings | None
    device: str
    jobs: int = 1


def execute(runs: Sequence[Run], site: Site, display: Display) -> dict[str, Record]:
    """Do ``runs``; their records by key, of which some may have failed.

    Raises:
        KeyboardInterrupt: after all processes have stopped; a second call goes on from there.
    """
    method = _one_by_one if site.jobs == 1 else _side_by_side
    method(list(runs), site, display)
    found = {run.key: records.read(site.out, run.key) for run in runs}
    return {key: record for key, record in found.items() if record is not None}


def _one_by_one(runs: list[Run], site: Site, display: Display) -> None:
    for run in runs:
        display.begins(run.key)
        display.ended(perform(run, site, lambda sentence, key=run.key: display.says(key, sentence)))


def perform(run: Run, site: Site, say: Say) -> Record:
    """Do one run and keep what came of it. What it says also goes into its log, with whatever else is printed there."""
    kept = Record(key=run.key, status="started", settings=run.settings, jobs=site.jobs, threads=torch.get_num_threads())
    label = "" if site.recordings is None else site.recordings.label
    kept = kept.model_copy(update={"data": label, **provenance(site.device)})
    records.write(site.out, kept)
    place = records.folder(site.out, run.key)
    since = time.perf_counter()
    with (place / "log.txt").open("a", encoding="utf-8", buffering=1) as log, contextlib.redirect_stderr(log):
        try:
            values = run.work(run.settings, Workplace(place, site.recordings, site.device, _both(log.write, say)))
        except Exception as error:
            traceback.print_exc()  # into the log
            known = isinstance(error, (InputError, TrainingError))
            reason = str(error) if known else f"{type(error).__name__}: {error} (see {place / 'log.txt'})"
            kept = kept.model_copy(update={"status": "failed", "error": reason})
        else:
            seconds = values.get(
                "elapsed_seconds", time.perf_counter() - since
            )  # a resumed training knows its whole time
            kept = kept.model_copy(update={"status": "done", "values": values, "seconds": seconds})
    records.write(site.out, kept)
    return kept


def _both(write, say: Say) -> Say:
    def tell(sentence: str) -> None:
        write(sentence + "\n")
        say(sentence)

    return tell


def _side_by_side(runs: list[Run], site: Site, display: Display) -> None:
    """A process for each run: one that crashes takes no other run with it."""
    spawning = multiprocessing.get_context("spawn")
    active: dict[int, tuple[BaseProcess, Run]] = {}
    try:
        while runs or active:
            while runs and len(active) < site.jobs:
                run = runs.pop(0)
                process = spawning.Process(target=_child, args=(run, site))
                process.start()
                active[process.sentinel] = process, run
                display.begins(run.key)
            for sentinel in connection.wait(list(active)):
                process, run = active.pop(sentinel)  # type: ignore[index]
                process.join()
                display.ended(_outcome(run, site, process.exitcode))
    finally:
        _stop([process for process, _ in active.values()])


def _outcome(run: Run, site: Site, code: int | None) -> Record:
    record = records.read(site.out, run.key)
    if record is not None and record.status != "started":
        return record
    update = {"status": "failed", "error": f"its process ended with code {code}"}
    record = (record or Record(key=run.key, status="failed", settings=run.settings)).model_copy(update=update)
    records.write(site.out, record)
    return record


def _stop(processes: Sequence[BaseProcess]) -> None:
    for process in processes:
        process.terminate()
    for process in processes:
        process.join(10)
        if process.is_alive():
            process.kill()  # nothing is lost: all files are written atomically
            process.join()


def _child(run: Run, site: Site) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent stops us
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(max(torch.get_num_threads() // site.jobs, 1))
    with contextlib.suppress(KeyboardInterrupt):  # what a training makes of being terminated
        perform(run, site, lambda sentence: None)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    connection.wait([parent.sentinel])
    os._exit(1)
