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
FILES = sorted(FOLDER.glob("test_*.py"))
PARTS = {
    "16 bits": [file for file in FILES if file.stem == "test_half"],
    "16 bits around the kernels": [file for file in FILES if file.stem.startswith("test_half_")],
    "fused": [file for file in FILES if file.stem.startswith(("test_fused", "test_first"))],
    "the others": [file for file in FILES if not file.stem.startswith(("test_half", "test_fused", "test_first"))],
}


@pytest.mark.parametrize("part", PARTS)
def test_operations_in_the_interpreter(part):
    command = [sys.executable, "-m", "pytest", *map(str, PARTS[part]), "-q", "-p", "no:cacheprovider"]
    environment = os.environ | {"TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, cwd=FOLDER.parents[2], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
