"""Batches that do not fit: refused up front, or explained."""

from math import inf

import pytest
import torch

from spikescan.errors import InputError, TrainingError
from spikescan.training import memory, run


def test_a_batch_that_cannot_fit(recipe, store, tmp_path):
    with pytest.raises(
        InputError, match=r"a batch of 1,000,000,000 steps, 8 samples and 12 \+ 8 \+ 4 .*768.0 GB at least"
    ):
        run.prepare(recipe(data__frames=10**9), tmp_path / "run", store=store)
    assert not (tmp_path / "run").exists()


def test_the_estimate_is_a_batchs_outputs(recipe, store, monkeypatch, tmp_path):
    """One float32 for each of 24 neurons, 8 samples and 16 steps: 12 288 bytes."""
    monkeypatch.setattr(memory, "_memory", lambda device: 12_288)
    run.prepare(recipe(data__frames=16), tmp_path / "run", store=store)
    monkeypatch.setattr(memory, "_memory", lambda device: 12_287)
    with pytest.raises(InputError, match="a batch of 16 steps"):
        run.prepare(recipe(data__frames=16), tmp_path / "run", store=store)


def test_the_longest_sample_counts(recipe, store, tmp_path):
    stuff = run.prepare(recipe(), tmp_path / "run", store=store)
    longest = max(stuff.maker(split)(part.indices, 0).events.shape[0] for split, part in stuff.splits.items())
    assert memory._steps(stuff) in (longest - 1, longest)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("Unable to allocate 1 TB"),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 TB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 TB"),
    ],
)
@pytest.mark.usefixtures("no_pictures")
def test_a_failed_allocation_names_the_sizes(recipe, store, tmp_path, monkeypatch, error):
    def fails(*arguments):
        raise error

    stuff = run.prepare(recipe(data__frames=16), tmp_path / "run", store=store)
    monkeypatch.setattr("spikescan.training.task.Task.training_step", fails)
    with pytest.raises(TrainingError, match=r"out of memory in a batch of 16 steps, 8 samples .*1 TB"):
        run.train(stuff, tmp_path / "run", say=lambda message: None)


def test_another_error_passes(recipe, store, tmp_path):
    stuff = run.prepare(recipe(), tmp_path / "run", store=store)
    with pytest.raises(RuntimeError, match=r"^else$"), memory.explained(stuff):
        raise RuntimeError("else")


def test_a_system_that_does_not_tell_its_memory(monkeypatch):
    monkeypatch.delattr("os.sysconf")
    assert memory._memory("cpu") == inf
