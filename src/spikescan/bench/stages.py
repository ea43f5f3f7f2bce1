"""Commands with a deadline each, one stage after another, and a log of all that they say."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

GRACE = 10.0
"""Seconds in which an interrupted process may write down what it has."""
PASSED, FAILED, LATE = "passed", "failed", "out of time"
RESULT = re.compile(r"^(\S+::.*) (PASSED|FAILED|ERROR|SKIPPED)\b")
"""A line of `pytest -v`."""


@dataclass(frozen=True)
class Stage:
    """`commands` run side by side and are ended after `seconds`. Each finds its number, as in 2/8, in TEST_PART.

    may_be_cut: whether it is no fault if it was ended, since it takes whatever time is left.
    """

    name: str
    seconds: float
    commands: Sequence[Sequence[str]]
    may_be_cut: bool = False


@dataclass(frozen=True)
class Outcome:
    """What became of a stage; `note` counts the tests, if there were any, and names those that did not pass."""

    stage: Stage
    verdict: str
    seconds: float
    note: str = ""

    @property
    def is_fault(self) -> bool:
        return self.verdict == FAILED or (self.verdict == LATE and not self.stage.may_be_cut)


@dataclass
class Log:
    """On the screen and in a file, each line when it comes."""

    path: Path
    begin: float = field(default_factory=time.monotonic)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.begin

    def __call__(self, text: str) -> None:
        lines = [f"[{self.seconds:6.1f} s] {line}" for line in text.splitlines()]
        with self.lock, self.path.open("a") as file:
            print(*lines, sep="\n", file=file)
            print(*lines, sep="\n", flush=True)


def perform(stage: Stage, seconds: float, folder: Path, variables: Mapping[str, str], log: Log) -> Outcome:
    """Run a stage in `folder`, with these environment variables, for `seconds` at most."""
    begin, late, said = time.monotonic(), False, [[] for _ in stage.commands]
    processes: list[subprocess.Popen[str]] = []
    readers: list[threading.Thread] = []
    try:
        for k, command in enumerate(stage.commands):
            part = {"TEST_PART": f"{k + 1}/{len(stage.commands)}"}
            processes.append(_start(command, folder, {**variables, **part}))
            prefix = f"{k + 1}: " if len(stage.commands) > 1 else ""
            readers.append(threading.Thread(target=_read, args=(processes[k], prefix, said[k], log), daemon=True))
            readers[k].start()
        for process in processes:
            process.wait(max(0.0, begin + seconds - time.monotonic()))
    except subprocess.TimeoutExpired:
        late = True
    finally:
        _end(processes)
    for reader in readers:
        reader.join(GRACE)
    passed = not any(process.returncode for process in processes)
    verdict = LATE if late else PASSED if passed else FAILED
    return Outcome(stage, verdict, time.monotonic() - begin, _counted(line for lines in said for line in lines))


def _start(command: Sequence[str], folder: Path, variables: Mapping[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        cwd=folder,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        process_group=0,  # so that what it starts ends with it
    )


def _read(process: subprocess.Popen[str], prefix: str, lines: list[str], log: Log) -> None:
    assert process.stdout is not None
    with process.stdout as stream:
        for line in stream:
            lines.append(line)
            log(prefix + line.rstrip())


def _end(processes: Sequence[subprocess.Popen[str]]) -> None:
    """Those that still run are interrupted first: the benchmark keeps what it has, pytest tells what failed."""
    for number in (signal.SIGINT, signal.SIGKILL):
        running = [process for process in processes if process.poll() is None]
        for process in running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
        until = time.monotonic() + GRACE
        for process in running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, until - time.monotonic()))


def _counted(lines: Iterable[str]) -> str:
    found: dict[str, list[str]] = {}
    for line in lines:
        if match := RESULT.match(line):
            found.setdefault(match[2], []).append(match[1].rpartition("/")[2])
    counts = [f"{len(found[end])} {end.lower()}" for end in ("PASSED", "FAILED", "ERROR", "SKIPPED") if end in found]
    wrong = [test for end in ("FAILED", "ERROR") for test in found.get(end, [])]
    return ", ".join(counts) + (f": {'; '.join(wrong)}" if wrong else "")
