"""The command line in this process, on recordings small enough for a test."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from spikescan import cli

SMALL = ["--channels", "20", "--batch-size", "8", "--set", "data.pool=1", "--set", "network.hidden=[8]"]
SMALL += ["--neuron", "spsn-gs", "--set", "network.delays=none", "--set", "data.tail=0"]


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


@pytest.fixture(scope="session")
def trained_once(speech, store):
    """Trains an epoch on those recordings, without pictures, into a folder that it returns."""

    def run(out: Path) -> Path:
        places = ["--out", out, "--store", store, "--root", speech, "--device", "cpu", "--epochs", 1]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("spikescan.training.pictures.of_run", lambda *arguments, **options: [])
            result = CliRunner().invoke(cli.app, [str(item) for item in ["train", "shd", *places, *SMALL]])
        assert result.exit_code == 0, result.output
        return out

    return run
