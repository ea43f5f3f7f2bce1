"""The epoch row compares like with like: the same recordings, augmented alike, and an epoch of as many batches."""

from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest
import torch

from spikescan.bench import published, workbench
from spikescan.bench.timing import Samples
from spikescan.data.augment import Augmentation
from spikescan.data.event_batches import BatchMaker

row = import_module("spikescan.bench.rows.epoch")  # in the package, the name is the function's
TURNS = row.FEW + 2


@pytest.fixture
def seen(monkeypatch):
    """The samples of all batches that the two formulations ask for; the published one is given no pictures."""
    seen = {"ours": [], "published": []}
    make = BatchMaker.__call__

    def ours(self, indices, seed=0):
        seen["ours"].append(tuple(indices))
        return make(self, indices, seed)

    def pictures(store, samples, channels, generator):
        seen["published"].append(tuple(samples))
        return torch.zeros(len(samples), 3, channels)

    monkeypatch.setattr(BatchMaker, "__call__", ours)
    monkeypatch.setattr(published, "batch", pictures)
    return seen


@pytest.fixture
def measured(bench, seen, monkeypatch):
    """The row of 6 batches: 2 s ours and 30 s the published one, 8 s our epoch."""

    def take_turns(subjects, clock, budget):
        for subject in subjects:
            for _ in range(TURNS):
                subject.step(lambda: None)
        return {one.name: Samples([2.0 if one.kind == "ours" else 30.0]) for one in subjects}

    def seconds(step, batches):
        for _ in range(batches):
            step()
        return 8.0

    monkeypatch.setattr(workbench, "take_turns", take_turns)
    monkeypatch.setattr(row, "_seconds", seconds)
    bench.sizes = replace(bench.sizes, judged=True, recordings=12, batch=2)
    row.epoch(bench)
    return bench.results


def test_both_are_timed_on_the_same_few_batches(measured, seen):
    ours, whole = seen["ours"][:TURNS], seen["ours"][TURNS:]
    assert ours == seen["published"]
    assert ours[row.FEW :] == ours[:2]
    assert len(set(ours)) == row.FEW
    for epoch in (whole[:6], whole[6:]):  # the first one finds its memory
        assert sorted(np.concatenate(epoch)) == list(range(12))


def test_what_is_found_of_an_epoch(measured):
    assert [(one.measured, one.demanded) for one in measured.findings] == [(15.0, 15), (6 * 30 / 8, None)]
    numbers = {
        (one.subject.split(",")[0], one.quantity): one.median for one in measured.measurements if one.steps is None
    }
    extrapolated = "epoch, 6 batches times the median"
    assert numbers["published formulation", extrapolated] == 180
    assert numbers["SPSN bernoulli", extrapolated] == 12
    assert numbers["SPSN bernoulli", "whole epoch"] == 8


def test_both_augment_alike(tmp_path):
    """Ours takes the published reach of scale and shift, other numbers at each step."""
    store, samples = row.generate(tmp_path / "store", 3), np.arange(3)
    step, seen = row.Ours(store, row.CHANNELS, [samples]), []
    run = step.network.run
    step.network.run = lambda events, seed: seen.append(events.dense()) or run(events, seed=seed)
    step()
    step()
    augment = Augmentation(published.SCALE, published.SHIFT)
    maker = BatchMaker(store, channels=row.CHANNELS, dt=1e-3, pad="left", augment=augment)
    for number, dense in enumerate(seen):
        assert torch.equal(dense, maker(samples, number).events.dense())
    assert not torch.equal(*seen)
