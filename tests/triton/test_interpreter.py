"""The Triton kernels against the reference, on the CPU by Triton's interpreter."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

triton = pytest.importorskip("triton", reason="Triton is not installed, which its interpreter needs")
if tuple(int(part) for part in triton.__version__.split(".")[:2]) < (3, 7):
    pytest.skip("the interpreter of Triton before 3.7 does not run on the NumPy of today", allow_module_level=True)
FILES = sorted((Path(__file__).parent / "operations").glob("test_*.py"))


@pytest.mark.parametrize("tests", FILES, ids=lambda file: file.stem)
def test_operations_in_the_interpreter(tests):
    command = [sys.executable, "-m", "pytest", str(tests), "-q", "-p", "no:cacheprovider"]
    environment = os.environ | {"TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, cwd=tests.parents[3], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
