"""Triton decides at import whether it interprets (TRITON_INTERPRET=1) or compiles, so one process cannot do both.

Where neither the interpreter nor a GPU is there, the tests of `operations` are left to `test_interpreter`, which runs
them in a process of their own.
"""

import os

import pytest
import torch

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
if INTERPRETED:
    collect_ignore = ["test_ptx.py", "test_interpreter.py"]
    from triton.language import zeros
    from triton.runtime import interpreter

    # The interpreter patches triton.language when a kernel starts, and again at each call of a function in it, which
    # took a fifth of the time. For those once is enough: the language's own functions name another module than kernels.
    interpreter._patch_lang(zeros.fn)
    interpreter.InterpretedFunction.__call__ = lambda self, *args, **kwargs: self.rewrite()(*args, **kwargs)
elif not torch.cuda.is_available():
    collect_ignore = ["operations"]


@pytest.fixture
def device() -> str:
    return "cpu" if INTERPRETED else "cuda"


@pytest.fixture
def short_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of 8 steps, so that short sequences already have many."""
    from spikescan.scan import _triton

    monkeypatch.setattr(_triton, "SHORTEST", 8)


@pytest.fixture
def one_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    from spikescan.scan import _triton

    monkeypatch.setattr(_triton, "FEW", 0)


@pytest.fixture(autouse=True)
def nan_in_empty_memory():
    """A kernel that leaves a place unwritten shows it: torch.empty and its relatives are filled with NaN."""
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(before)
