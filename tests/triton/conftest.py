"""Triton decides at import whether it interprets (TRITON_INTERPRET=1) or compiles, so one process cannot do both.

Where neither the interpreter nor a GPU is there, the tests of `operations` are left to `test_interpreter`, which runs
them in a process of their own. `benchmarks/gpu.py` runs them where a GPU is and little else: nothing here needs more
than torch, Triton and pytest, and TEST_PART=2/8 takes the second eighth.
"""

import os

import pytest
import torch

# cuBLAS refuses a product under deterministic algorithms (see `nan_in_empty_memory`) without a workspace of its own.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
if INTERPRETED:
    collect_ignore = ["test_ptx.py", "test_ptx_coupled.py", "test_interpreter.py"]
    from triton.language import block_type, tensor, zeros
    from triton.runtime import interpreter

    # What the interpreter does over and over took half of the time.
    # It patches triton.language when a kernel starts, and again at each call of a function in it. For those once is
    # enough: the language's own functions name another module than kernels.
    interpreter._patch_lang(zeros.fn)
    interpreter.InterpretedFunction.__call__ = lambda self, *args, **kwargs: self.rewrite()(*args, **kwargs)
    # It broadcasts blocks to the shape that they have.
    _language = type(interpreter.interpreter_semantic)
    _broadcast = _language.broadcast_impl_value

    def broadcast(self, one, other):
        same = one.type.is_block() and other.type.is_block() and one.type.shape.values == other.type.shape.values
        return (one, other) if same else _broadcast(self, one, other)

    _language.broadcast_impl_value = broadcast

    # It deduces the common type of two operands that have the same, and makes a block of a number at each use of it.
    _common = _language.binary_op_type_checking_impl
    PLAIN = {"fp32", "fp64", "int32", "int64", "uint32", "uint64"}
    constants = {}

    def common(self, one, other, *rest, **options):
        if not isinstance(one, tensor) or one.dtype.name not in PLAIN or options:
            return _common(self, one, other, *rest, **options)
        if isinstance(other, tensor):
            same = one.dtype.name == other.dtype.name
            return self.broadcast_impl_value(one, other) if same else _common(self, one, other, *rest)
        key = type(other), repr(other), one.dtype.name, one.type.is_block(), one.handle.data.shape, rest
        if key in constants:
            return one, constants[key]
        left, right = _common(self, one, other, *rest)
        if left is one:
            right.handle.data.flags.writeable = False
            constants[key] = right
        return left, right

    _language.binary_op_type_checking_impl = common

    # It makes a table of all types to look one up, and a block's type anew where it has it.
    def once(look_up):
        found = {}

        def known(*kinds):
            names = tuple(kind.name for kind in kinds)
            if names not in found:
                found[names] = look_up(*kinds)
            return found[names]

        return known

    interpreter._get_np_dtype = once(interpreter._get_np_dtype)
    block_type.with_element_ty = once(block_type.with_element_ty)
elif not torch.cuda.is_available():
    collect_ignore = ["operations"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Neighbours are alike, so each part gets some of every kind."""
    if part := os.environ.get("TEST_PART"):
        number, parts = map(int, part.split("/"))
        items[:] = items[number - 1 :: parts]


@pytest.fixture(autouse=True)
def fixed_seed():
    torch.manual_seed(1)


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
