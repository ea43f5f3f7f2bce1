"""One training epoch of the SPSN paper's network, augmented: the published formulation and ours on the same recordings.

Both are timed a batch at a time, in turns, on the same few batches; an epoch is batches times the median batch. For the
published formulation that extrapolation is all there is (an epoch takes minutes); our own whole epoch is measured as
well.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count, cycle
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

import spikescan as ss
from spikescan.bench import published
from spikescan.bench.results import Finding
from spikescan.bench.timing import Subject
from spikescan.bench.workbench import Workbench
from spikescan.data.augment import Augmentation
from spikescan.data.catalog import load
from spikescan.data.event_batches import BatchMaker
from spikescan.data.events import EventStore
from spikescan.data.write import Block, write_store
from spikescan.networks import SpikingMLP

CHANNELS, CLASSES = 700, 20
FEW = 5
"""Batches that both are timed on; how long one takes depends on its longest recording."""
EVENTS, SECONDS = 4100, 0.45
"""A recording's mean, of 2700 spoken digits that a cochlea model turned into spikes."""


def epoch(bench: Workbench) -> None:
    """The training epoch, on `--root`'s recordings or on generated ones."""
    with _recordings(bench) as (store, channels, where):
        bench.say(f"  {len(store)} recordings, {where}")
        ours, theirs = f"SPSN bernoulli, {where}", f"published formulation, {where}"
        order = _order(len(store), bench.sizes.batch)
        batches, few = len(order), order[:FEW]
        step = Ours(store, channels, few)
        subjects = [
            Subject(ours, lambda mark: step(), least=FEW),
            Subject(theirs, _published(store, channels, few), "baseline", least=FEW),
        ]
        shape = (0, bench.sizes.batch, 128)
        samples = bench.time("epoch", shape, subjects, {})
        epochs = Ours(store, channels, order)
        _, whole = (_seconds(epochs, batches) for _ in range(2))  # the first one finds its memory
        for name, seconds in ((theirs, samples[theirs].median), (ours, samples[ours].median)):
            quantity = f"epoch, {batches} batches times the median"
            bench.number("epoch", shape, name, quantity, "s", batches * seconds)
        bench.number("epoch", shape, ours, "whole epoch", "s", whole)
        bench.find(
            Finding(
                "epoch",
                ours,
                "training epoch faster than the published formulation (extrapolated)",
                samples[theirs].median / samples[ours].median,
                15,
            ),
            Finding("epoch", ours, "the same against our whole epoch", batches * samples[theirs].median / whole, None),
        )


class Ours:
    """A training step: batch from the event store, augmented in event space, network, backward, Adamax."""

    def __init__(self, store: EventStore, channels: int, batches: Sequence[np.ndarray]) -> None:
        self.maker = BatchMaker(store, channels=channels, dt=1e-3, pad="left", augment=Augmentation())
        self.network = SpikingMLP(channels, (128, 128, 128), _classes(store), ss.SPSN)
        self.optimiser = torch.optim.Adamax(self.network.parameters(), 1e-3)
        self.chosen, self.number = cycle(batches), count()

    def __call__(self) -> None:
        seed = next(self.number)
        batch = self.maker(next(self.chosen), seed)
        self.optimiser.zero_grad()
        scores = self.network.run(batch.events, seed=seed).readout.mean(0)
        F.cross_entropy(scores, batch.labels).backward()
        self.optimiser.step()


def _published(store: EventStore, channels: int, batches: Sequence[np.ndarray]) -> Callable[[object], None]:
    network, chosen = published.PublishedNetwork(channels, classes=_classes(store)), cycle(batches)
    optimiser, generator = torch.optim.Adamax(network.parameters(), 1e-3), np.random.default_rng(0)
    labels = torch.from_numpy(np.array(store.labels))

    def step(mark: object) -> None:
        samples = next(chosen)
        x = published.batch(store, samples.tolist(), channels, generator)
        optimiser.zero_grad()
        published.loss(network, x, labels[samples]).backward()
        optimiser.step()

    return step


def _classes(store: EventStore) -> int:
    """20 as published, whatever the data; more only where the labels ask for it."""
    return max(CLASSES, int(store.labels.max()) + 1)


def _order(samples: int, size: int) -> list[np.ndarray]:
    """An epoch's batches of sample numbers."""
    order = np.random.default_rng(0).permutation(samples)
    return [order[first : first + size] for first in range(0, samples, size)]


def _seconds(step: Callable[[], None], batches: int) -> float:
    begin = time.perf_counter()
    for _ in range(batches):
        step()
    return time.perf_counter() - begin


@contextmanager
def _recordings(bench: Workbench) -> Iterator[tuple[EventStore, int, str]]:
    if bench.root is not None:
        dataset = load("shd", root=bench.root)
        assert isinstance(dataset.train.store, EventStore)
        yield dataset.train.store, dataset.channels, "real recordings"
        return
    with tempfile.TemporaryDirectory() as folder:
        yield generate(Path(folder) / "store", bench.sizes.recordings), CHANNELS, "generated recordings"


def generate(folder: Path, recordings: int, seed: int = 0) -> EventStore:
    """Recordings with as many events as spoken digits have, of durations as different as theirs (0.2 to 1 s; mean
    0.45 s), at random places: their cost is that of speech, their content is noise."""
    generator = np.random.default_rng(seed)
    durations = (200_000 + 1_000_000 * (SECONDS - 0.2) / 0.8 * generator.gamma(2, 0.4, recordings)).clip(max=1_000_000)
    counts = generator.poisson(EVENTS * durations / (SECONDS * 1e6))
    times = generator.uniform(0, np.repeat(durations, counts)).astype(np.int64)
    channels = generator.integers(0, CHANNELS, len(times))
    block = Block(times[np.lexsort((times, np.repeat(np.arange(recordings), counts)))], channels, counts)
    return write_store(
        folder, [block], labels=generator.integers(0, CLASSES, recordings), source="generated for a benchmark"
    )
