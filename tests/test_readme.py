"""What a newcomer runs first."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent


def test_the_examples_run(tmp_path, monkeypatch):
    network, own = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(compile(network, "README.md", "exec"), names)
    random = np.random.default_rng(0)
    names["labels"] = ["left", "right"] * 20
    names["times"] = [np.sort(random.uniform(0, 0.1, 20)) for _ in names["labels"]]
    names["channels"] = [random.integers(0, 3, 20) + 3 * (label == "left") for label in names["labels"]]
    exec(compile(own, "README.md", "exec"), names)
    assert names["model"].class_names == ("left", "right")
    assert names["output"].readout.shape == (1000, 64, 20)
    assert all(parameter.grad.isfinite().all() for parameter in names["network"].parameters())


def test_the_package_runs_as_a_module():
    done = subprocess.run([sys.executable, "-m", "spikescan", "--help"], capture_output=True, text=True, check=True)
    assert "evaluate" in done.stdout
