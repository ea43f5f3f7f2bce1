"""What the rows of long sequences find, of seconds and peaks that are known beforehand, and of a network that is wrong
in chunks."""

from dataclasses import replace

import pytest

import spikescan as ss
from spikescan.bench.rows import sequences
from spikescan.networks import SpikingMLP
from spikescan.random import as_seed

SECONDS = {"SPSN in chunks of 8, T=4": 0.5, "SPSN in chunks of 8, T=16": 4.0, "SPSN in chunks of 8, T=64": 24.0}
SECONDS |= {"SPSN in chunks of 64, T=4": 1.0, "SPSN in chunks of 64, T=16": 2.0, "SPSN in chunks of 64, T=64": 16.0}


@pytest.fixture
def bench(bench):
    bench.sizes = replace(
        bench.sizes,
        judged=True,
        flat_steps=(4, 16, 64),
        flat_layer=(2, 16),
        flat_chunks=(8, 64),
        chunk=50,
        grown=(5, 50, 100),
        memory=(16, 2, 4),
    )
    return bench


@pytest.fixture
def peaks(monkeypatch):
    """By steps: 1.25 times as much for the long sequence, thrice for the longest; returned, twice for the long one."""
    kept, returned = {250: 4000, 2500: 5000, 5000: 12_000}, {250: 1000, 2500: 2000}
    found = {None: kept, sequences.RETURNING["MALLOC_MMAP_THRESHOLD_"]: returned}

    def in_process(job, variables=None):
        assert (job.kind, job.rows, job.chunk) == ("chunked", 2, 50)
        return found[(variables or {}).get("MALLOC_MMAP_THRESHOLD_")][job.steps]

    monkeypatch.setattr(sequences, "in_process", in_process)


class Forgetful(SpikingMLP):
    """Begins every chunk anew: the same as the other while there is one chunk."""

    def run(self, x, state=None, **options):
        return super().run(x, self.initial_state(as_seed(1, "cpu")), **options)


def gradients(bench):
    (finding,) = (one for one in bench.results.findings if one.what.startswith("gradients in chunks of 10, T=31"))
    return finding


def test_the_cost_of_a_step(bench, takes, peaks):
    """In chunks of 8: 1/8, 1/4 and 3/8 of a second; of 64: 1/4, 1/8 and 1/4."""
    takes(SECONDS)
    sequences.flat(bench)
    cost = "cost of a time step, T=4 to 64, largest over smallest"
    found = {(one.subject, one.what): (one.measured, one.demanded) for one in bench.results.findings}
    found.pop((sequences.CHUNKS, gradients(bench).what))
    assert found == {
        ("SPSN in chunks of 8", cost): (3.0, 1.5),
        ("SPSN in chunks of 8", "the same among sequences of more than a chunk"): (1.5, None),
        ("SPSN in chunks of 64", cost): (2.0, None),
        ("SPSN in chunks", "activation memory at T=2,500 over that at T=250"): (1.25, 1.5),
        ("SPSN in chunks", "activation memory at T=5,000 over that at T=250"): (3.0, None),
        ("SPSN in chunks, freed memory returned", "activation memory at T=2,500 over that at T=250"): (2.0, 1.5),
    }
    assert {one.at_least for one in bench.results.findings if one.demanded} == {False}


def test_gradients_of_a_network_that_is_right_and_of_one_that_is_wrong_in_chunks(bench, takes, peaks, monkeypatch):
    takes(SECONDS)
    sequences.flat(bench)
    assert gradients(bench).verdict == "reached"
    bench.results.findings.clear()
    monkeypatch.setattr(sequences, "network", lambda job: Forgetful(sequences.INPUTS, [job.neurons], 20, ss.SPSN))
    sequences.flat(bench)
    assert gradients(bench).verdict == "not reached"
    assert gradients(bench).measured > 0.05


def test_a_peak_that_is_not_told(bench, takes, monkeypatch):
    takes(SECONDS)
    monkeypatch.setattr(sequences, "in_process", lambda job, variables=None: None if job.steps > 1000 else 1000)
    sequences.flat(bench)
    memory = [one for one in bench.results.findings if one.what.startswith("activation memory")]
    assert {(one.verdict, bool(one.note)) for one in memory} == {("not measured", True)}


def test_peaks_of_a_training_step(bench, monkeypatch):
    peaks = {"loop": 4000, "fft": 3000, "whole": 2000, "chunked": None}
    monkeypatch.setattr(sequences, "in_process", lambda job: peaks[job.kind])
    sequences.memory(bench)
    assert {(one.subject, one.what): one.measured for one in bench.results.findings} == {
        ("SPSN", "less peak memory than Python loop over unbind"): 2.0,
        ("SPSN", "less peak memory than eq. (15) with torch.fft"): 1.5,
        ("SPSN in chunks", "less peak memory than Python loop over unbind"): None,
        ("SPSN in chunks", "less peak memory than eq. (15) with torch.fft"): None,
    }
    assert [one.median for one in bench.results.measurements] == [4000, 3000, 2000]
    assert [one.subject for one in bench.results.skipped] == ["SPSN in chunks"]
