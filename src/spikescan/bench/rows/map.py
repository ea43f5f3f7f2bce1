"""Where a parallel neuron wins: SPSN against a Python loop, the peers and our own fused LIF, over (T, B·N)."""

from __future__ import annotations

from spikescan.bench import baselines
from spikescan.bench.environment import free_memory
from spikescan.bench.sizes import Shape
from spikescan.bench.timing import Subject
from spikescan.bench.workbench import Workbench, copy, layer, traffic
from spikescan.neurons import LIF, SPSN

ROW, PARALLEL, SEQUENTIAL, LOOP = "map", "SPSN bernoulli", "LIF, fused", "Python loop over unbind"
TOO_LARGE = "the array is larger than the map goes"
BYTES = 32 * 4
"""Of memory for each number of the array: a loop keeps about a dozen arrays for its backward pass."""


def comparison(bench: Workbench) -> None:
    """All cells, T rising for each B·N: what a loop will take is told from its last T."""
    largest = min(bench.sizes.elements, free_memory(bench.device) // BYTES)
    for neurons in bench.sizes.map_neurons:
        bench.say(f"  B·N={neurons:,}")
        seconds: dict[str, tuple[int, float]] = {}
        for steps in bench.sizes.map_steps:
            shape = split(steps, neurons)
            if steps * neurons > largest:
                bench.skip(ROW, shape, "all", TOO_LARGE)
                continue
            _cell(bench, shape, seconds)


def split(steps: int, neurons: int) -> Shape:
    """128 neurons a row, or fewer where there are not so many."""
    count = min(128, neurons)
    return steps, neurons // count, count


def _cell(bench: Workbench, shape: Shape, seconds: dict[str, tuple[int, float]]) -> None:
    x = bench.current(shape)
    neuron = bench.place(SPSN())
    subjects = [
        copy(x),
        layer(PARALLEL, neuron, x),
        layer(SEQUENTIAL, bench.place(LIF()), x, kind="sequential"),
    ]
    slow = [layer(LOOP, baselines.lif_unbound, x, kind="baseline")]
    slow += [layer(peer.name, peer.make(x), x, kind="peer") for peer in bench.peers if peer.linear]
    subjects += [subject for subject in slow if _affordable(bench, shape, subject, seconds)]
    moved = traffic(x, lambda: neuron(x))
    samples = bench.time(ROW, shape, subjects, moved)
    seconds |= {subject.name: (shape[0], samples[subject.name].median) for subject in subjects}


def _affordable(bench: Workbench, shape: Shape, subject: Subject, seconds: dict[str, tuple[int, float]]) -> bool:
    """Whether a step is likely to stay within the patience; a loop's time grows with T."""
    if subject.name not in seconds:
        return True
    steps, took = seconds[subject.name]
    predicted = took * shape[0] / steps
    if predicted > bench.sizes.patience:
        bench.skip(ROW, shape, subject.name, f"predicted {predicted:.0f} s per step")
    return predicted <= bench.sizes.patience
