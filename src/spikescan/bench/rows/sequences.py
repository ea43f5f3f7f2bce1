"""Long sequences: the cost of a time step, the memory of a training step, and whether gradients in chunks are exact."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace

import torch

from spikescan.bench.peak import INPUTS, RETURNING, Job, Stream, in_process, network, train_chunked
from spikescan.bench.results import Finding
from spikescan.bench.sizes import Shape
from spikescan.bench.timing import Subject
from spikescan.bench.workbench import Workbench

CHUNKS = "SPSN in chunks"
EXACT = 1e-4
"""Largest difference of a float32 gradient, relative to the largest of its tensor, that sums in another order make."""


def flat(bench: Workbench) -> None:
    """Seconds a time step from short to very long sequences, through `ss.chunked`, forward and backward."""
    rows, neurons = bench.sizes.flat_layer
    job = Job("chunked", 0, rows, neurons, layers=1, chunk=bench.sizes.chunk, device=bench.device)
    model = network(job)
    for chunk in bench.sizes.flat_chunks:
        demanded = 1.5 if chunk == bench.sizes.flat_chunks[0] else None
        _found_costs(bench, chunk, _costs(bench, model, chunk), demanded)
    _independent(bench, job)
    _exact(bench, model, rows)


def _costs(bench: Workbench, model: torch.nn.Module, chunk: int) -> dict[int, float]:
    """Seconds a time step, by the length of the sequence."""
    (rows, neurons), costs = bench.sizes.flat_layer, {}
    for steps in bench.sizes.flat_steps:
        bench.say(f"  T={steps:,} in chunks of {chunk}")
        name, shape = f"SPSN in chunks of {chunk}, T={steps}", (steps, rows, neurons)
        stream = Stream(steps, rows, INPUTS, chunk, bench.device)
        # A million steps are a thousand equal chunks: one pass is already a mean over many.
        short = steps <= 10 * chunk
        subject = Subject(
            name,
            lambda mark, x=stream: train_chunked(model, x, chunk),
            least=5 if short else 1,
            warm_up=short,
        )
        costs[steps] = bench.time("flat", shape, [subject], {})[name].median / steps
    return costs


def _found_costs(bench: Workbench, chunk: int, costs: dict[int, float], demanded: float | None) -> None:
    steps, name = sorted(costs), f"{CHUNKS} of {chunk}"
    what = f"cost of a time step, T={steps[0]:,} to {steps[-1]:,}, largest over smallest"
    long = [costs[count] for count in steps if count > chunk]
    bench.find(Finding("flat", name, what, max(costs.values()) / min(costs.values()), demanded, at_least=False))
    if long:
        what = "the same among sequences of more than a chunk"
        bench.find(Finding("flat", name, what, max(long) / min(long), None))


def _independent(bench: Workbench, job: Job) -> None:
    """The peak at ten times the length, as processes have it, and with an allocator that returns what is freed; and at
    the length of the longest sequence, of whose chunks the carried states alone are something."""
    few, many, most = (count * bench.sizes.chunk for count in bench.sizes.grown)
    returned = f"{CHUNKS}, freed memory returned"
    before = _peak(bench, job, CHUNKS, few)
    _grown(bench, CHUNKS, (few, before), (many, _peak(bench, job, CHUNKS, many)), 1.5)
    _grown(bench, CHUNKS, (few, before), (most, _peak(bench, job, CHUNKS, most)), None)
    less, more = ((steps, _peak(bench, job, returned, steps, RETURNING)) for steps in (few, many))
    _grown(bench, returned, less, more, 1.5)


def _peak(bench: Workbench, job: Job, name: str, steps: int, variables: Mapping[str, str] | None = None) -> int | None:
    peak = in_process(replace(job, steps=steps), variables)
    if peak is not None:
        bench.number("flat", (steps, job.rows, job.neurons), name, "peak memory", "bytes", peak)
    return peak


def _grown(
    bench: Workbench, name: str, less: tuple[int, int | None], more: tuple[int, int | None], demanded: float | None
) -> None:
    (few, before), (many, after) = less, more
    known = before is not None and after is not None
    note = "" if known else "this system does not tell a process's peak memory, or the process was ended"
    measured = after / max(before, 1) if before is not None and after is not None else None
    what = f"activation memory at T={many:,} over that at T={few:,}"
    bench.find(Finding("flat", name, what, measured, demanded, at_least=False, note=note))


def _exact(bench: Workbench, model: torch.nn.Module, rows: int) -> None:
    """Where the whole fits: every gradient of the weights, whole against chunks."""
    chunk = max(1, bench.sizes.chunk // 5)
    x = torch.randn(3 * chunk + 1, rows, INPUTS, device=bench.device)
    whole, pieces = copy.deepcopy(model), copy.deepcopy(model)
    for one, size in ((whole, len(x)), (pieces, chunk)):
        one.zero_grad()
        train_chunked(one, x, size)
    worst = max(
        ((a.grad - b.grad).abs().max() / a.grad.abs().max()).item()
        for a, b in zip(whole.parameters(), pieces.parameters(), strict=True)
        if a.grad is not None and b.grad is not None
    )
    what = f"gradients in chunks of {chunk}, T={len(x)}: largest relative difference to the whole"
    bench.find(Finding("flat", CHUNKS, what, worst, EXACT, at_least=False, unit=""))


MEMORY = {
    "loop": "Python loop over unbind",
    "fft": "eq. (15) with torch.fft",
    "whole": "SPSN",
    "chunked": CHUNKS,
}


def memory(bench: Workbench) -> None:
    """The peak of a whole training step, three hidden layers, each way in a process of its own."""
    steps, rows, neurons = shape = bench.sizes.memory
    jobs = [Job(kind, steps, rows, neurons, 3, bench.sizes.chunk, bench.device) for kind in MEMORY]
    peaks: dict[str, int | None] = {}
    for job in jobs:
        bench.say(f"  {MEMORY[job.kind]}")
        peaks[job.kind] = in_process(job)
        _keep_peak(bench, shape, job.kind, peaks[job.kind])
    for kind in ("loop", "fft"):
        for other in ("whole", "chunked"):
            top, bottom = peaks[kind], peaks[other]
            measured = None if top is None or not bottom else top / bottom
            bench.find(Finding("memory", MEMORY[other], f"less peak memory than {MEMORY[kind]}", measured, None))


def _keep_peak(bench: Workbench, shape: Shape, kind: str, peak: int | None) -> None:
    if peak is None:
        bench.skip("memory", shape, MEMORY[kind], "no peak: out of memory, or this system does not tell it")
    else:
        bench.number("memory", shape, MEMORY[kind], "peak memory of a training step", "bytes", peak)
