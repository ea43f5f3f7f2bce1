"""`make gpu`, in Triton's interpreter, with nothing but torch, Triton, NumPy and pytest to be found."""

import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from spikescan.bench.results import Finding, Results
from spikescan.bench.rows import ROWS
from spikescan.bench.stages import Stage

FILE = Path(__file__).parents[2] / "benchmarks" / "gpu.py"
ABSENT = """
import importlib.metadata
from importlib.machinery import PathFinder

ABSENT = {
    "h5py", "hypothesis", "jinja2", "lightning", "matplotlib", "numba", "PIL", "pydantic", "rich", "safetensors",
    "scipy", "sklearn", "snntorch", "soundfile", "spikingjelly", "tensorboard", "tonic", "torchmetrics", "typer",
    "xdist",
}
find_spec, distribution = PathFinder.find_spec, importlib.metadata.distribution

def found(cls, name, *rest):
    return None if name.partition(".")[0] in ABSENT else find_spec(name, *rest)

def installed(name):
    if name in ABSENT | {"spikescan"}:
        raise importlib.metadata.PackageNotFoundError(name)
    return distribution(name)

PathFinder.find_spec = classmethod(found)
importlib.metadata.distribution = installed
"""


@pytest.fixture
def gpu():
    spec = importlib.util.spec_from_file_location("gpu", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_torch_triton_numpy_and_pytest_are_enough(tmp_path):
    pytest.importorskip("triton")
    (tmp_path / "sitecustomize.py").write_text(ABSENT)
    path = os.pathsep.join([str(tmp_path), str(FILE.parents[1] / "src")])
    chosen = "each kernel once", "spsn-bandwidth"
    command = [sys.executable, str(FILE), "--interpret", "--out", str(tmp_path / "out")]
    command += [f"--stage={name}" for name in chosen]
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    table = (tmp_path / "out" / "table.md").read_text()
    assert table in done.stdout
    assert all(f"| {name} | passed |" in table for name in chosen)
    assert "share of the copy bandwidth" in table
    assert "interpreted sizes" in table
    held = json.loads((tmp_path / "out" / "bench.json").read_text())
    assert {one["row"] for one in held["measurements"]} == {"spsn-bandwidth"}
    assert {one["verdict"] for one in held["findings"]} == {"for information"}
    assert "10 passed" in (tmp_path / "out" / "log.txt").read_text().partition("each kernel once: passed")[2]


def test_every_row_of_a_gpu_is_a_stage_and_all_but_the_last_fit_in_nine_minutes(gpu, tmp_path):
    *stages, last = gpu.stages(tmp_path, interpret=False)
    named = [stage.name for stage in (*stages, last) if "--row" in stage.commands[0]]
    assert sorted(named) == sorted(row.name for row in ROWS if "cuda" in row.devices)
    assert last.may_be_cut
    assert not any(stage.may_be_cut for stage in stages)
    assert gpu.SECONDS < 540
    assert sum(stage.seconds for stage in stages) < 1.3 * gpu.SECONDS


def test_a_stage_that_fails_keeps_no_other_from_running(gpu, tmp_path, monkeypatch, capsys):
    def stage(name, text):
        return Stage(name, 60.0, [[sys.executable, "-c", text]])

    stages = [stage("first", "raise SystemExit(3)"), stage("second", "print('here')")]
    assert gpu.everything(stages, tmp_path, interpret=True) == 1
    assert gpu.everything(stages[1:], tmp_path, interpret=True) == 0
    gpu.everything(stages, tmp_path, interpret=True)
    table = (tmp_path / "table.md").read_text()
    assert "| first | failed |" in table
    assert "| second | passed |" in table
    assert "here" in (tmp_path / "log.txt").read_text()
    monkeypatch.setattr(gpu, "SECONDS", 0.0)
    assert gpu.everything(stages[1:], tmp_path, interpret=True) == 0
    assert "second: not begun, no time is left" in capsys.readouterr().out


def test_unknown_stages_are_refused(gpu, capsys):
    with pytest.raises(SystemExit, match="2"):
        gpu.main(["--stage", "speed"])
    assert "choose from each kernel once, spsn-bandwidth" in capsys.readouterr().err


def test_results_are_gone_on_from(bench):
    bench.sizes = replace(bench.sizes, judged=True)
    bench.number("kept", (4, 2, 3), "SPSN", "kept for backward", "bytes", 4.0)
    bench.find(Finding("kept", "SPSN", "kept", 4.0, 5, at_least=False, unit=" B"))
    bench.skip("peers", None, "SpikingJelly", "SpikingJelly is not measured")
    bench.results.save()
    assert Results.load(bench.results.folder) == bench.results
