"""What every test runs under: hypothesis without deadlines; for the core, NaN in all uninitialised memory."""

import os
import sys
import tempfile

# Many tests start processes. Where Python is told not to keep what it compiles, each would compile all of torch again.
if sys.dont_write_bytecode:
    _bytecode = tempfile.TemporaryDirectory(prefix="bytecode")
    os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix = _bytecode.name
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # threads that spin while they wait starve the other test processes

from pathlib import Path

import pytest
import torch
from forks import Forks
from hypothesis import HealthCheck, settings

# torch keeps compiled graphs across runs and knows our operators by name: another version's may have other arguments
_graphs = tempfile.TemporaryDirectory()
os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", _graphs.name)

CORE = "scan", "firing", "fused", "sparse", "binary", "neurons", "networks", "delays"

# Kernels compile at their first call, and the fixtures below hold for all examples of a property.
QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
settings.register_profile("here", None, deadline=None, suppress_health_check=QUIET, max_examples=25)
settings.register_profile("ci", settings.get_profile("here"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Triton's first: they are long, and two processes that begin with the kernels compile the same ones twice."""
    items.sort(key=lambda item: "triton" not in item.path.parts)


@pytest.fixture(autouse=True)
def fixed_seed():
    torch.manual_seed(1)


@pytest.fixture(scope="session")
def forks(tmp_path_factory):
    """Jobs in processes of their own."""
    parent = Forks(tmp_path_factory.mktemp("forks"))
    yield parent
    parent.close()


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def nan_in_empty_memory(request: pytest.FixtureRequest):
    """A kernel that leaves a place unwritten shows it: torch.empty and its relatives are filled with NaN."""
    if Path(request.path).parent.name not in CORE:
        yield
        return
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(before)


@pytest.fixture(scope="session")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a small set in SHD layout; beside it, ``store`` takes what is converted."""
    from speech_files import write_split

    folder = tmp_path_factory.mktemp("speech")
    write_split(folder / "tiny_train.h5", 44, 0)
    write_split(folder / "tiny_test.h5", 12, 1)
    return folder


@pytest.fixture(scope="session")
def store(speech: Path) -> Path:
    return speech / "store"


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests that look at something else: drawing takes longer than training here."""
    monkeypatch.setattr("spikescan.training.pictures.of_run", lambda *arguments, **options: [])
