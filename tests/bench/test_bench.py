"""The whole benchmark at tiny sizes: rows, files, pictures, verdicts."""

import csv
import json
import mmap
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from spikescan import cli
from spikescan.bench import grid, peers, pictures, run, sizes
from spikescan.bench.results import Finding, Measurement, Results, Skip
from spikescan.bench.rows import ROWS, choose, layers, map
from spikescan.bench.rows.epoch import generate
from spikescan.errors import InputError

TINY = replace(
    sizes.QUICK,
    name="tiny",
    layer=(12, 2, 8),
    estimation=(4, 1, 64),
    flat_steps=(4, 16),
    flat_layer=(2, 4),
    flat_chunks=(8,),
    chunk=8,
    memory=(16, 2, 4),
    recordings=3,
    batch=2,
    map_steps=(4, 16, 64),
    map_neurons=(8, 256),
    elements=256 * 16,
    budget=0.0,
    judged=True,
)


@pytest.fixture
def no_processes(monkeypatch):
    """Peaks without the processes that measure them; one of those is tested on its own."""
    from spikescan.bench.rows import sequences

    monkeypatch.setattr(sequences, "in_process", lambda job, variables=None: 1000 * (4 if job.kind == "loop" else 2))


def test_a_row_for_every_demand():
    """SPEC, section 7: seven on the CPU, two on the GPU, one on both; memory and the map are reported beside them."""
    on = {device: {row.name for row in ROWS if device in row.devices} for device in ("cpu", "cuda")}
    assert on["cpu"] == {*("spsn", "lif", "mpe-psn", "resonator", "delay", "epoch", "flat", "kept", "memory", "map")}
    assert on["cuda"] == {"spsn-bandwidth", "spsn-long", "kept", "memory", "map"}
    full = sizes.FULL
    assert (full.layer, full.device_layer, full.device_long) == ((1000, 64, 128), (1000, 256, 512), (10_000, 64, 128))
    assert full.estimation[0] == 16
    assert full.estimation[1] * full.estimation[2] == 2**16
    assert (full.flat_steps[0], full.flat_steps[-1]) == (100, 1_000_000)


def test_the_whole_benchmark(tmp_path, no_processes):
    said = []
    results, whole = run.run("cpu", tmp_path, sizes=TINY, say=said.append)
    assert whole
    lines = list(csv.DictReader((tmp_path / "bench.csv").read_text().splitlines()))
    assert {line["row"] for line in lines} == {row.name for row in ROWS if "cpu" in row.devices}
    timed = [line for line in lines if line["unit"] == "s" and line["row"] in ("spsn", "lif", "map")]
    assert all(0 < float(line["q10"]) <= float(line["median"]) <= float(line["q90"]) for line in timed)
    assert all(int(line["repetitions"]) >= 5 for line in timed if "as published" not in line["subject"])
    assert {line["quantity"] for line in timed} == {"forward and backward", "forward", "backward", "whole"}
    ours = [line for line in timed if line["kind"] in ("ours", "sequential", "copy")]
    assert all(float(line["copy_fraction"]) > 0 for line in ours)
    assert all(line["copy_fraction"] == line["bytes"] == "" for line in timed if line not in ours)
    held = json.loads((tmp_path / "bench.json").read_text())
    assert {"device", "cores", "torch_threads", "load_before", "versions", "commit"} <= held["environment"].keys()
    demanded = {(one["row"], one["demanded"]) for one in held["findings"] if one["demanded"]}
    assert {("spsn", 25), ("spsn", 2), ("lif", 25), ("lif", 20), ("mpe-psn", 5), ("epoch", 15)} <= demanded
    assert {("flat", 1.5), ("kept", 5), ("kept", 2)} <= demanded
    assert any("too large" in one["why"] or "larger" in one["why"] for one in held["skipped"])
    assert any(re.search("Against our own fused LIF SPSN (wins|does not win)", line) for line in held["sentences"])
    for name in ("map.png", "rows.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    assert results.environment["sizes"] == "tiny"


def test_the_command(tmp_path, monkeypatch, no_processes):
    monkeypatch.setattr(sizes, "QUICK", TINY)
    command = ["bench", "--quick", "--device", "cpu", "--rows", "kept", "--rows", "mpe-psn", "--out", str(tmp_path)]
    shown = CliRunner().invoke(cli.app, [*command, "--json"])
    assert shown.exit_code == 0, shown.output
    assert {one["row"] for one in json.loads(shown.stdout)["measurements"]} == {"kept", "mpe-psn"}
    again = CliRunner().invoke(cli.app, command)
    assert again.exit_code == 2
    assert "--overwrite" in again.stderr
    table = CliRunner().invoke(cli.app, [*command, "--overwrite"])
    assert table.exit_code == 0
    assert "reached" in table.stdout
    assert "MPE-PSN" in table.stdout


def test_bad_rows_and_devices():
    with pytest.raises(InputError, match=r"--rows speed: unknown; choose from spsn, lif"):
        choose("cpu", ["speed"])
    with pytest.raises(InputError, match="measured on cuda"):
        choose("cpu", ["spsn-long"])


def test_an_interrupted_benchmark_keeps_what_it_measured(tmp_path, monkeypatch):
    def interrupt(bench):
        raise KeyboardInterrupt

    broken = tuple(replace(row, measure=interrupt) if row.name == "lif" else row for row in ROWS)
    monkeypatch.setattr(run, "choose", lambda device, names: [row for row in broken if row.name in ("mpe-psn", "lif")])
    results, whole = run.run("cpu", tmp_path, sizes=TINY, say=lambda line: None)
    assert not whole
    assert results.measurements == []  # lif comes first in the table
    assert (tmp_path / "bench.csv").exists()


def test_absent_peers_are_skipped_with_a_sentence(monkeypatch):
    def absent(name):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name.split(".")[0])

    monkeypatch.setattr(peers, "import_module", absent)
    found, sentences = peers.find("cpu")
    assert found == []
    assert len(sentences) == 2
    assert all("is not measured" in sentence and "pip install" in sentence for sentence in sentences)


def test_a_peer_that_is_there_is_measured(tmp_path):
    made = peers.Peer("SpikingJelly 9 LIFNode", lambda x: lambda x: x.relu())
    results = Results(tmp_path, {})
    bench = run.Workbench("cpu", TINY, results, [made], say=lambda line: None)
    layers.lif(bench)
    (finding,) = (one for one in results.findings if "SpikingJelly" in one.what)
    assert finding.demanded == 20
    assert finding.measured is not None
    map.comparison(bench)
    found = grid.grid(results.measurements, results.skipped)
    assert np.isfinite(found.faster["peer"]).sum() == np.isfinite(found.faster["loop"]).sum() > 0


def test_verdicts():
    assert Finding("r", "s", "w", 26, 25).verdict == "reached"
    assert Finding("r", "s", "w", 24, 25).verdict == "not reached"
    assert Finding("r", "s", "w", 1.9, 2, at_least=False).verdict == "reached"
    assert Finding("r", "s", "w", 1.9, None).verdict == "for information"
    assert Finding("r", "s", "w", None, 2).verdict == "not measured"


def cell(steps, neurons, subject, kind, seconds):
    values = seconds, seconds, seconds
    return Measurement("map", "", steps, neurons, subject, kind, "forward and backward", "s", *values, 5)


def test_the_map_says_where_the_parallel_neuron_does_not_win(tmp_path):
    cells = [
        (steps, neurons, name, kind, seconds)
        for steps in (32, 1024)
        for neurons in (128, 8192)
        for name, kind, seconds in (
            (map.PARALLEL, "ours", 2.0),
            (map.SEQUENTIAL, "sequential", 1.0 if neurons == 8192 else 3.0),
            (map.LOOP, "baseline", 100.0),
            ("slow peer", "peer", 50.0),
            ("fast peer", "peer", 40.0),
        )
        if not (name == map.LOOP and steps == 1024)
    ]
    skipped = [Skip("map", 1024, 8192, map.LOOP, "predicted 20 s a step")]
    found = grid.grid([cell(*one) for one in cells], skipped)
    assert (found.steps, found.neurons) == ([32, 1024], [128, 8192])
    assert found.faster["sequential"].tolist() == [[1.5, 1.5], [0.5, 0.5]]
    assert found.faster["peer"].tolist() == [[20, 20], [20, 20]]
    assert found.why["loop"][1, 1] == grid.SKIPPED
    assert np.isnan(found.faster["loop"][:, 1]).all()
    loop, peer, fused, _ = grid.sentences(found)
    assert "wins in all 2 measured cells" in loop
    assert "wins in all 4" in peer
    assert "does not win in 2 of 4 measured cells (B·N=8,192: T=32, 1,024)" in fused
    figure = pictures.comparison(found, "here")
    lines = [len(axes.lines) for axes in figure.axes[:3]]
    assert lines == [0, 0, 2]  # the border between faster and slower, an edge for each column
    assert pictures.save(tmp_path / "map.png", lambda: figure).stat().st_size > 10_000


def test_slow_loops_are_predicted_and_skipped(tmp_path):
    results = Results(tmp_path, {})
    bench = run.Workbench("cpu", replace(TINY, patience=0.0), results, say=lambda line: None)
    map.comparison(bench)
    assert {one.why.split()[0] for one in results.skipped if one.subject == map.LOOP} == {"predicted"}
    assert {one.steps for one in results.measurements if one.subject == map.LOOP} == {4}


def test_generated_recordings_are_as_dense_as_speech(tmp_path):
    store = generate(tmp_path / "store", 60)
    assert len(store) == 60
    assert 3000 < len(store.times) / 60 < 5500
    assert store.channels.max() == 699
    assert 0.35e6 < store.durations.mean() < 0.55e6


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the peak is read from Linux's /proc")
def test_the_peak_is_that_of_the_step_alone(monkeypatch):
    from spikescan.bench import peak

    def job(kind, steps):
        return peak.Job(kind, steps, rows=1, neurons=1)

    def touch(steps):  # mapped, because what becomes of freed memory is for the allocator to say
        np.frombuffer(mmap.mmap(-1, steps * 2**20), np.uint8).fill(1)

    monkeypatch.setitem(peak.STEPS, "array", lambda job: touch)
    grown = peak.measure(job("array", 300)) - peak.measure(job("array", 100))
    assert 150 * 2**20 < grown < 250 * 2**20
