"""What a newcomer runs first."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_example_runs():
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    names: dict = {}
    exec(compile(code, "README.md", "exec"), names)
    assert names["output"].readout.shape == (1000, 64, 20)
    assert all(parameter.grad.isfinite().all() for parameter in names["network"].parameters())


def test_the_package_runs_as_a_module():
    done = subprocess.run([sys.executable, "-m", "spikescan", "--help"], capture_output=True, text=True, check=True)
    assert "evaluate" in done.stdout
