"""Every example runs and says what it should."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
ARGUMENTS = {"long_recording.py": ["5000"]}
SAYS = {
    "cochlea.py": "spikes of 700 channels",
    "training_loop.py": "% of 60 test recordings",
    "long_recording.py": "after 5,000 steps",
    "own_firing.py": "spikes a step",
    "stream.py": "largest difference",
}


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.py")), ids=lambda file: file.stem)
def test_example(file, tmp_path):
    command = [sys.executable, "-W", "error", str(file), *ARGUMENTS.get(file.name, [])]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert SAYS[file.name] in done.stdout
