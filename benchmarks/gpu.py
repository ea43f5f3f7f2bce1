"""What is to be known of a GPU, in one command: `make gpu`. Tables, results and a log are left in --out.

It needs this checkout with its `src` on PYTHONPATH, torch, Triton, NumPy and pytest; spikescan need not be installed,
and there may be no network. A machine that is lent may be taken away: the most valuable comes first, and every figure
is on disk at once. Each kernel is tried once against the reference, then the benchmark's rows are measured, then all
Triton tests run, and last comes what is only reported. A stage that fails, or is ended at its deadline, leaves what it
measured, and the next one begins.

Without a GPU, or with --interpret, Triton's interpreter does the same on the CPU, in small sizes that nothing is
demanded of.

The exit code is 0 if every stage passed, which for a row means that it was measured: the verdicts are in the table.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch

from spikescan.bench import run, table
from spikescan.bench.environment import environment
from spikescan.bench.results import Results
from spikescan.bench.rows import ROWS
from spikescan.bench.sizes import FULL, INTERPRETED
from spikescan.bench.stages import Log, Outcome, Stage, perform
from spikescan.bench.workbench import Workbench
from spikescan.training.files import write_atomic

CHECKOUT = Path(__file__).resolve().parents[1]
TESTS = CHECKOUT / "tests"
OPERATIONS = TESTS / "triton" / "operations"
SECONDS = 500.0
"""For all stages together; the interpreter is given more."""
INTERPRETER_TAKES = 4
QUICKER_MAP = replace(FULL, budget=1.0, patience=3.0)
"""A loop over 16 384 steps takes longer than that, and is left out."""


def stages(folder: Path, interpret: bool) -> list[Stage]:
    """The most valuable first. Their deadlines are generous, and the map takes what is left."""
    slower = INTERPRETER_TAKES if interpret else 1
    # A kernel is compiled where it is first launched, which takes a core seconds: tests run in several processes.
    parts = max(1, min(12, os.cpu_count() or 1))

    def tests(name: str, seconds: float, path: Path, parts: int) -> Stage:
        options = ["-v", "--tb=short", "-W", "default", "-p", "no:cacheprovider", "--durations=10"]
        # The conftest.py above tests/triton needs packages that may not be there.
        command = [sys.executable, "-m", "pytest", str(path), f"--confcutdir={TESTS / 'triton'}", *options]
        return Stage(name, slower * seconds, [command] * parts)

    def row(name: str, seconds: float, may_be_cut: bool = False) -> Stage:
        command = [sys.executable, __file__, "--out", str(folder), "--row", name]
        return Stage(name, slower * seconds, [[*command, *["--interpret"] * interpret]], may_be_cut)

    return [
        tests("each kernel once", 100, OPERATIONS / "test_first.py", min(4, parts)),
        row("spsn-bandwidth", 60),
        row("spsn-long", 120),
        row("kept", 60),
        tests("Triton tests", 240, OPERATIONS, parts),
        row("memory", 60),
        row("map", SECONDS, may_be_cut=True),
    ]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("gpu-results"), help="what an earlier run left is replaced")
    parser.add_argument("--interpret", action="store_true", help="in Triton's interpreter on the CPU, GPU or not")
    parser.add_argument("--stage", action="append", help="one stage alone; repeatable; default: all")
    parser.add_argument("--row", help=argparse.SUPPRESS)  # how a stage calls this file
    options = parser.parse_args(arguments)
    folder = options.out.resolve()
    if options.row:
        return 0 if measure(options.row, folder, options.interpret) else 1
    interpret = options.interpret or not torch.cuda.is_available()
    known = stages(folder, interpret)
    if options.stage and not {*options.stage} <= {stage.name for stage in known}:
        parser.error(f"--stage: choose from {', '.join(stage.name for stage in known)}")
    chosen = [stage for stage in known if not options.stage or stage.name in options.stage]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the processes of a stage are ended on the way out
    return everything(chosen, folder, interpret)


def everything(chosen: list[Stage], folder: Path, interpret: bool) -> int:
    """Run the stages; the exit code."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "log.txt").unlink(missing_ok=True)
    log = Log(folder / "log.txt")
    if interpret:
        why = "--interpret" if torch.cuda.is_available() else f"torch {torch.__version__} sees no GPU"
        log(f"{why}: Triton's interpreter on the CPU, in small sizes that nothing is demanded of")
    sizes = INTERPRETED if interpret else FULL
    Results(folder, environment("cpu" if interpret else "cuda", sizes.name)).save()
    outcomes: list[Outcome] = []
    log(report(folder, outcomes))
    seconds = SECONDS * (INTERPRETER_TAKES if interpret else 1)
    for stage in chosen:
        allowed = min(stage.seconds, seconds - log.seconds)
        if allowed <= 0:
            log(f"{stage.name}: not begun, no time is left")
            continue
        log(f"{stage.name}: at most {allowed:.0f} s")
        outcomes.append(perform(stage, allowed, CHECKOUT, variables(interpret), log))
        report(folder, outcomes)
        log(f"{stage.name}: {outcomes[-1].verdict} in {outcomes[-1].seconds:.0f} s. {outcomes[-1].note}")
    print(f"\n{report(folder, outcomes)}\nThe log is {log.path}")
    return int(any(outcome.is_fault for outcome in outcomes))


def variables(interpret: bool) -> Mapping[str, str]:
    """Of the environment of a stage."""
    paths = [str(CHECKOUT / "src"), str(TESTS), str(TESTS / "triton"), os.environ.get("PYTHONPATH", "")]
    found = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "PYTHONUNBUFFERED": "1"}
    found["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # whatever else is installed there
    found.pop("TRITON_INTERPRET", None)
    # The interpreter's arrays are small, and threads of two processes would only wait for each other.
    return found | ({"TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"} if interpret else {})


def measure(name: str, folder: Path, interpret: bool) -> bool:
    """Add a row of the benchmark to what is in `folder`; whether it was measured to its end."""
    results = Results.load(folder)
    device, sizes, backend = ("cpu", INTERPRETED, "triton") if interpret else ("cuda", QUICKER_MAP, "auto")
    bench = Workbench(device, sizes, results, backend=backend)
    if not interpret:
        run.add_peers(bench)
    whole = run.measure(bench, [row for row in ROWS if row.name == name])
    run.conclude(results)
    results.save()
    return whole


def report(folder: Path, outcomes: list[Outcome]) -> str:
    """All there is so far, as Markdown; in a file as well."""
    results = Results.load(folder)
    lines = [f"# {run.described(results)}", ""]
    for name, value in results.environment.items():
        lines.append(f"- {name}: {', '.join(map(' '.join, value.items())) if isinstance(value, dict) else value}")
    lines += ["", "| stage | verdict | seconds | tests |", "| --- | --- | --- | --- |"]
    lines += [f"| {one.stage.name} | {one.verdict} | {one.seconds:.0f} | {one.note} |" for one in outcomes]
    text = "\n".join([*lines, "", table.markdown(results)]).rstrip() + "\n"
    write_atomic(folder / "table.md", text)
    return text


if __name__ == "__main__":
    sys.exit(main())
