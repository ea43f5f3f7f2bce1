"""The memory that training steps need at their worst, each in a process of its own.

A process that runs one thing alone says what that thing takes: nothing an earlier one left, no cache of the allocator.
Its peak is the kernel's (VmHWM of Linux), reset after everything that is there anyhow (imports, compiled kernels,
input) is there. `ru_maxrss` would not do: a child begins with its parent's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

import spikescan as ss
from spikescan.bench import published
from spikescan.networks import SpikingMLP

INPUTS, CLASSES = 64, 20
STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class Job:
    """One training step of a network of `layers` hidden layers; `kind` as in `STEPS`."""

    kind: str
    steps: int
    rows: int
    neurons: int
    layers: int = 3
    chunk: int = 1000
    device: str = "cpu"


class Stream:
    """A recording (T, B, C) that is made as it is read: it needs the memory of one chunk, whatever T is."""

    def __init__(self, steps: int, rows: int, channels: int, chunk: int, device: str = "cpu") -> None:
        self.shape = steps, rows, channels
        self.block = torch.randn(min(chunk, steps), rows, channels, device=device)

    def split(self, chunk: int) -> Iterator[Tensor]:
        for first in range(0, self.shape[0], chunk):
            yield self.block[: min(chunk, self.shape[0] - first)]


def network(job: Job) -> SpikingMLP:
    return SpikingMLP(INPUTS, [job.neurons] * job.layers, CLASSES, ss.SPSN).to(job.device)


def train_chunked(network: nn.Module, x: object, chunk: int) -> None:
    """Forward and backward through `ss.chunked`; only the readout's sum over time is returned."""
    total, _ = ss.chunked(network, chunk).accumulate(x, lambda out, _: out.readout.sum(0), seed=1)  # type: ignore[arg-type]
    total.square().mean().backward()


def _published(job: Job, neuron: Callable[[Tensor], Tensor]) -> Callable[[int], None]:
    model = published.PublishedNetwork(INPUTS, [job.neurons] * job.layers, CLASSES, neuron).to(job.device)

    def step(steps: int) -> None:
        model(torch.randn(job.rows, steps, INPUTS, device=job.device)).mean(1).square().mean().backward()

    return step


def _whole(job: Job) -> Callable[[int], None]:
    model = network(job)

    def step(steps: int) -> None:
        x = torch.randn(steps, job.rows, INPUTS, device=job.device)
        model.run(x, seed=1).readout.mean(0).square().mean().backward()

    return step


def _chunked(job: Job) -> Callable[[int], None]:
    model = network(job)
    return lambda steps: train_chunked(model, Stream(steps, job.rows, INPUTS, job.chunk, job.device), job.chunk)


STEPS: dict[str, Callable[[Job], Callable[[int], None]]] = {
    "loop": lambda job: _published(job, published.unbound_lif),
    "fft": lambda job: _published(job, published.baselines.spsn),
    "whole": _whole,
    "chunked": _chunked,
}


def measure(job: Job) -> int | None:
    """Bytes that the step takes beyond what was there before it; None where the system does not tell."""
    STEPS[job.kind](replace(job, chunk=1))(2)  # compiles, and loads what several chunks need
    step = STEPS[job.kind](job)
    if job.device == "cuda":
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        step(job.steps)
        return torch.cuda.max_memory_allocated() - before
    if not CLEAR.exists():
        return None
    CLEAR.write_text("5")  # the peak starts again from here
    before = _status("VmRSS")
    step(job.steps)
    return _status("VmHWM") - before


def _status(name: str) -> int:
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024


RETURNING = {"MALLOC_MMAP_THRESHOLD_": "65536", "SPIKESCAN_KEEP_FREED_MEMORY": "0"}
"""glibc then returns what is freed to the system at once. Otherwise it keeps freed arrays that a small living tensor
lies behind, so that a process grows although its tensors do not."""


def in_process(job: Job, variables: Mapping[str, str] | None = None) -> int | None:
    """`measure` in a new process, with `variables` added to its environment; None where it was ended."""
    command = [sys.executable, "-m", "spikescan.bench.peak", json.dumps(asdict(job))]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **(variables or {})})
    if done.returncode:  # most likely out of memory, which is a result: there is no peak to tell
        print(done.stderr[-2000:], file=sys.stderr)
        return None
    return json.loads(done.stdout)


if __name__ == "__main__":
    print(json.dumps(measure(Job(**json.loads(sys.argv[1])))))
