"""The command line in this process, on recordings small enough for a test."""

from pathlib import Path

import pytest
from speech_files import write_split
from typer.testing import CliRunner

from spikescan import cli

SMALL = ["--channels", "20", "--batch-size", "8", "--set", "data.pool=1", "--set", "network.hidden=[8]"]


@pytest.fixture(scope="session")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a set in SHD layout; beside it, ``store`` takes what is converted."""
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


@pytest.fixture
def call():
    """Runs a command and checks its exit code."""

    def run(*arguments, code=0):
        result = CliRunner().invoke(cli.app, [str(argument) for argument in arguments])
        assert result.exit_code == code, result.output
        assert "Traceback" not in result.output
        return result

    return run


@pytest.fixture
def train(call, speech, store):
    """`spikescan train` on those recordings."""

    def run(out, *options, data="shd", code=0):
        places = ["--out", out, "--store", store, "--root", speech, "--device", "cpu"]
        return call("train", data, *places, *SMALL, *options, code=code)

    return run
