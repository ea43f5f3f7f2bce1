"""How a command ends when it does not end well: Ctrl-C, a closed pipe, a full disk."""

import errno
import os
import signal
import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

from spikescan import cli, report
from spikescan.data import catalog, fetch
from spikescan.errors import naming
from spikescan.training import evaluate as measuring
from spikescan.training import run

POSIX = pytest.mark.skipif(os.name != "posix", reason="signals and pipes of POSIX")


def started(*arguments, **options):
    command = [sys.executable, "-m", "spikescan", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def interrupted(*arguments, **options):
    raise KeyboardInterrupt


@POSIX
def test_ctrl_c_while_it_imports(tmp_path):
    process = started("train", "digits", "--out", tmp_path / "run", "--store", tmp_path / "store")
    time.sleep(0.7)  # Python itself has begun, torch has not been imported yet or is just being
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode in (cli.STOPPED, -signal.SIGINT)
    assert out == ""
    assert err.startswith("spikescan: stopped")
    assert err.count("\n") == 1
    assert "the same command starts again" in err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "command",
    [["train", "digits"], ["evaluate", "run"], ["predict", "run", "x.npz"], ["demo"], ["reproduce", "spsn-fig1"]],
    ids=lambda command: command[0],
)
def test_ctrl_c_that_an_import_swallowed(tmp_path, monkeypatch, call, command):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli, "interrupted", True)
    result = call(*command, code=cli.STOPPED)
    assert result.stderr.startswith("spikescan: stopped")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("command", "place", "name", "message"),
    [
        (["train", "digits", "--out", "{}"], run, "prepare", "stopped before training began; the same command"),
        (["evaluate", "{}"], measuring, "evaluate_run", "stopped; nothing was changed"),
        (["data", "fetch", "nmnist"], fetch, "fetch", "stopped; the same command resumes the download"),
        (["data", "convert", "digits"], catalog, "load", "stopped; nothing half-converted is left"),
    ],
)
def test_ctrl_c_says_how_to_go_on(tmp_path, monkeypatch, call, command, place, name, message):
    monkeypatch.setattr(place, name, interrupted)
    result = call(*(word.format(tmp_path / "run") for word in command), code=cli.STOPPED)
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_an_error_that_ctrl_c_has_caused(tmp_path, monkeypatch, call):
    """Where an import is cut short and swallows it, something else fails."""

    def broken(*arguments, **options):
        raise AttributeError("module 'numpy' has no attribute 'matrix'")

    monkeypatch.setattr(measuring, "evaluate_run", broken)
    monkeypatch.setattr(cli, "interrupted", True)
    assert call("evaluate", tmp_path, code=cli.STOPPED).stderr == "spikescan: stopped; nothing was changed\n"
    monkeypatch.setattr(cli, "interrupted", False)
    with pytest.raises(AttributeError, match="matrix"):
        CliRunner().invoke(cli.app, ["evaluate", str(tmp_path)], catch_exceptions=False)


def test_ctrl_c_while_arguments_are_read(monkeypatch, call):
    monkeypatch.setattr("typer.core.TyperCommand.parse_args", interrupted)
    assert call("info", code=cli.STOPPED).stderr == f"{cli.BEFORE}\n"


def test_ctrl_c_before_a_run_is_replaced_does_not_offer_to_continue_it(tmp_path, monkeypatch, train):
    out = tmp_path / "run"
    out.mkdir()
    (out / "recipe.toml").write_text("")
    monkeypatch.setattr(run, "prepare", interrupted)
    said = train(out, "--overwrite", code=cli.STOPPED).stderr
    assert "the same command starts again" in said
    assert "--resume" not in said


@POSIX
@pytest.mark.parametrize("command", [["data", "info"], ["train", "--help"]])
def test_a_pipe_that_nobody_reads(command):
    """As after `| head -1`: nothing on stderr, and the exit code of any program that a closed pipe ends."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "spikescan", *command], stdout=writer, stderr=subprocess.PIPE, text=True
        )
    finally:
        os.close(writer)
    assert done.stderr == ""
    assert done.returncode == cli.CLOSED


@POSIX
def test_messages_that_nobody_reads():
    reader, writer = os.pipe()
    os.close(reader)
    try:
        command = [sys.executable, "-m", "spikescan", "train", "digits", "--resume", "--overwrite"]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=writer, text=True)
    finally:
        os.close(writer)
    assert (done.returncode, done.stdout) == (cli.CLOSED, "")


@pytest.mark.parametrize("show", [lambda: report.show_pairs("t", {"a": "b"}), lambda: report.show_json({})])
def test_a_closed_pipe_within_a_command(monkeypatch, show):
    def closed(*arguments, **options):
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.setattr("builtins.print", closed)
    with pytest.raises(BrokenPipeError):  # and not what Rich makes of it
        show()


def test_a_full_disk_names_no_file_that_it_does_not_know(monkeypatch):
    def full():
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("spikescan.info.describe", full)
    result = CliRunner().invoke(cli.app, ["info"])
    assert (result.exit_code, result.stderr) == (1, "spikescan: No space left on device\n")


def test_an_error_names_the_file():
    with pytest.raises(OSError, match="No space left on device: '/x/y'") as caught, naming("/x/y"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.filename == "/x/y"


def test_an_error_keeps_its_kind():
    with pytest.raises(PermissionError, match="'/x/y'"), naming("/x/y"):
        raise PermissionError(errno.EACCES, "Permission denied", "/x/.y.tmp")
