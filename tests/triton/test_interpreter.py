"""The Triton kernels against the reference, on the CPU by Triton's interpreter."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

triton = pytest.importorskip("triton", reason="Triton is not installed, which its interpreter needs")
if tuple(int(part) for part in triton.__version__.split(".")[:2]) < (3, 7):
    pytest.skip("the interpreter of Triton before 3.7 does not run on the NumPy of today", allow_module_level=True)
FOLDER = Path(__file__).parent / "operations"
LONG = "test_half", "test_fused", "test_half_operators", "test_half_storage"
"""Long enough for a process of their own."""
PARTS = {name: [FOLDER / f"{name}.py"] for name in LONG}
PARTS["others"] = sorted(file for file in FOLDER.glob("test_*.py") if file.stem not in LONG)


@pytest.mark.parametrize("part", PARTS)
def test_operations_in_the_interpreter(part):
    command = [sys.executable, "-m", "pytest", *map(str, PARTS[part]), "-q", "-p", "no:cacheprovider"]
    environment = os.environ | {"TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, cwd=FOLDER.parents[2], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
