"""A process that has imported torch and forks for each job: a process of its own without the seconds of that import.

A job is a function of a file of these tests. What it returns, or what it raised, what it said and how it ended are left
in a folder. spikescan is first imported in the fork, in the environment of the job.
"""

import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

PATIENCE = 120  # seconds for a job


class Forks:
    """The parent of the forks, which begins with the first job."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.process, self.count = folder, None, 0

    def __call__(self, job: Callable, **environment: str) -> SimpleNamespace:
        """Run a function of no arguments that a file defines at its top."""
        import torch

        if self.process is None:
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
            self.process = subprocess.Popen([sys.executable, __file__], **pipes, text=True)
        self.count += 1
        base = self.folder / str(self.count)
        task = str(base), job.__code__.co_filename, job.__name__, {k: str(v) for k, v in environment.items()}
        print(json.dumps(task), file=self.process.stdin, flush=True)
        ended = json.loads(self.process.stdout.readline())
        results, raised = base.with_suffix(".pt"), base.with_suffix(".raised")
        return SimpleNamespace(
            results=torch.load(results) if results.exists() else None,
            raised=raised.read_text() if raised.exists() else None,
            said=base.with_suffix(".said").read_text(),
            ended=ended,
        )

    def close(self) -> None:
        if self.process is not None:
            self.process.stdin.close()
            self.process.wait()
            self.process.stdout.close()


def wait(child: int, patience: float) -> int | str:
    """The exit status of a child, negative for a signal, or that it had to be ended."""
    until = time.monotonic() + patience
    while time.monotonic() < until:
        if (ended := os.waitpid(child, os.WNOHANG))[0]:
            return os.waitstatus_to_exitcode(ended[1])
        time.sleep(0.01)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return "hung"


def _run(base: Path, file: Path, function: str, environment: dict[str, str]) -> int | str:
    import torch

    child = os.fork()
    if child == 0:
        os.environ.update(environment)
        with open(base.with_suffix(".said"), "w") as said:
            for stream in (1, 2):
                os.dup2(said.fileno(), stream)
        status = 0
        try:
            sys.path[:0] = [str(file.parent)]
            torch.save(getattr(importlib.import_module(file.stem), function)(), base.with_suffix(".pt"))
        except BaseException as error:
            base.with_suffix(".raised").write_text(f"{type(error).__name__}: {error}")
            status = 1
        sys.stdout.flush()
        os._exit(status)
    return wait(child, PATIENCE)


def main() -> None:
    import torch
    import torch._dynamo  # torch imports it at the first call of a custom operator

    torch.set_num_threads(1)
    for line in sys.stdin:
        base, file, function, environment = json.loads(line)
        print(json.dumps(_run(Path(base), Path(file), function, environment)), flush=True)


if __name__ == "__main__":
    main()
