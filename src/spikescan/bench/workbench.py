"""What every row of the benchmark works with: layers and copies as subjects, and where their seconds are kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import cycle
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

from spikescan.bench.peers import Peer
from spikescan.bench.results import Finding, Measurement, Results, Skip
from spikescan.bench.sizes import Shape, Sizes
from spikescan.bench.timing import Clock, Mark, Samples, Subject, clock_of, quantiles, take_turns
from spikescan.neurons import Neuron

COPY = "copy of the array"
AnyNeuron = TypeVar("AnyNeuron", bound=Neuron)
Outputs = Tensor | tuple[Tensor, ...]


@dataclass
class Workbench:
    device: str
    sizes: Sizes
    results: Results
    peers: Sequence[Peer] = ()
    root: Path | None = None
    """Folder with real recordings in SHD layout, for the training epoch."""
    say: Callable[[str], None] = print
    backend: str = "auto"
    """Of our own neurons."""
    clock: Clock = field(init=False)

    def __post_init__(self) -> None:
        self.clock = clock_of(self.device)

    def current(self, shape: Shape, batch_first: bool = False) -> Tensor:
        """Random currents (T, B, N), or (B, T, N), that need a gradient."""
        steps, rows, count = shape
        shape = (rows, steps, count) if batch_first else shape
        return torch.randn(shape, device=self.device).requires_grad_()

    def place(self, neuron: AnyNeuron) -> AnyNeuron:
        """One of our own, on the device."""
        neuron.backend = self.backend
        return neuron.to(self.device)

    def time(self, row: str, shape: Shape, subjects: Sequence[Subject], moved: dict[str, int]) -> dict[str, Samples]:
        """Let the subjects take turns and keep their quantiles. `moved`: our layer's bytes by phase (see `traffic`)."""
        samples = take_turns(subjects, self.clock, self.sizes.budget)
        copied = samples[COPY].median / moved["copy"] if COPY in samples else None  # seconds a byte
        for subject in subjects:
            for phase, seconds in samples[subject.name].phases():
                self._keep(row, shape, subject, phase, seconds, moved, copied)
        self.results.save()
        return samples

    def _keep(
        self,
        row: str,
        shape: Shape,
        subject: Subject,
        phase: str,
        seconds: list[float],
        moved: dict[str, int],
        copied: float | None,
    ) -> None:
        median, q10, q90 = quantiles(seconds)
        moves = {"copy": "copy", "ours": phase, "sequential": phase}  # of the others nobody knows what they move
        bytes_ = moved.get(moves.get(subject.kind, ""))
        self.results.measurements.append(
            Measurement(
                row=row,
                workload=words(shape),
                steps=shape[0] or None,
                neurons=shape[1] * shape[2],
                subject=subject.name,
                kind=subject.kind,
                quantity=phase,
                unit="s",
                median=median,
                q10=q10,
                q90=q90,
                repetitions=len(seconds),
                bytes=bytes_,
                copy_fraction=None if not bytes_ or copied is None else bytes_ * copied / median,
            )
        )

    def number(self, row: str, shape: Shape, subject: str, quantity: str, unit: str, value: float) -> None:
        """Keep a figure that is not a time."""
        steps, neurons = shape[0] or None, shape[1] * shape[2]
        self.results.measurements.append(
            Measurement(row, words(shape), steps, neurons, subject, "ours", quantity, unit, value, value, value, 1)
        )

    def find(self, *findings: Finding) -> None:
        """Nothing is demanded of sizes that are not those of the demands."""
        judged = findings if self.sizes.judged else [replace(one, demanded=None) for one in findings]
        self.results.findings += judged
        self.results.save()

    def skip(self, row: str, shape: Shape | None, subject: str, why: str) -> None:
        steps, neurons = (None, None) if shape is None else (shape[0], shape[1] * shape[2])
        skipped = Skip(row, steps, neurons, subject, why)
        if skipped not in self.results.skipped:
            self.results.skipped.append(skipped)


def words(shape: Shape) -> str:
    """The workload; T = 0 stands for recordings of different length."""
    steps, rows, neurons = shape
    return f"T={steps or 'as recorded'} B={rows} N={neurons}"


def layer(
    name: str,
    call: Callable[[Tensor], Outputs],
    x: Tensor,
    *,
    parameters: Sequence[Tensor] = (),
    kind: str = "ours",
    least: int = 5,
) -> Subject:
    """Forward and backward through one layer, down to the gradients of its input and parameters. The cotangent is
    another one at each repetition."""
    random = cycle([torch.randn_like(x) for _ in range(2)])

    def step(mark: Mark) -> None:
        outputs = call(x)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        cotangents = [next(random) if out.shape == x.shape else torch.ones_like(out) for out in outputs]
        mark()
        torch.autograd.grad(outputs, (x, *parameters), cotangents)

    return Subject(name, step, kind, least)


def copy(x: Tensor) -> Subject:
    """Copies from one array to another, of three pairs in turn: as many arrays as a layer passes over, so that a cache
    that holds two of them does not pass for memory."""
    pairs = cycle([(torch.empty_like(x), x.detach().clone()) for _ in range(3)])

    def step(mark: Mark) -> None:
        target, source = next(pairs)
        target.copy_(source)

    return Subject(COPY, step, "copy")


def traffic(x: Tensor, call: Callable[[], object]) -> dict[str, int]:
    """Bytes that a layer's `call` on x has to move, by phase: x read and s written, then ∂s read and ∂x written; what
    it keeps for backward written once, unless that is x itself, and read once."""
    size, kept = x.numel() * x.element_size(), held_for_backward(call)
    read = sum(kept.values())
    forward, backward = 2 * size + read - kept.get(x.untyped_storage().data_ptr(), 0), 2 * size + read
    both = forward + backward
    return {"copy": 2 * size, "forward": forward, "backward": backward, "forward and backward": both, "whole": both}


def kept_for_backward(call: Callable[[], object]) -> int:
    """Bytes of the different storages that autograd holds after `call`, the input among them where it is held."""
    return sum(held_for_backward(call).values())


def held_for_backward(call: Callable[[], object]) -> dict[int, int]:
    """Their bytes by their addresses."""
    storages: dict[int, Tensor] = {}

    def pack(tensor: Tensor) -> Tensor:
        storages[tensor.untyped_storage().data_ptr()] = tensor  # held, so that no address is used twice
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        result = call()
    del result
    return {place: tensor.untyped_storage().nbytes() for place, tensor in storages.items()}
