"""`spikescan predict`: tables, JSON, CSV, pictures, and a recording on standard input."""

import csv
import io
import json

import numpy as np
import pytest
from typer.testing import CliRunner

from spikescan import cli


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory, trained_once):
    return trained_once(tmp_path_factory.mktemp("predict") / "run")


@pytest.fixture
def recording(tmp_path):
    generator = np.random.default_rng(1)
    times, channels = np.sort(generator.uniform(0, 0.5, 90)).round(6), generator.integers(0, 20, 90)
    np.savez(tmp_path / "a [b].npz", times=times, channels=channels)
    return tmp_path / "a [b].npz"


def test_table_json_and_csv_agree(call, run_folder, recording):
    (line,) = call("predict", run_folder, recording, "--json").stdout.splitlines()
    row = json.loads(line)
    assert list(row) == ["file", "label", "probability", "runner_up"]
    assert row["file"] == str(recording)
    (other,) = csv.DictReader(io.StringIO(call("predict", run_folder, recording, "--csv").stdout))
    assert other == {key: str(value) for key, value in row.items()}
    table = call("predict", run_folder, recording).stdout
    assert "a [b].npz" in table
    assert f"{100 * row['probability']:.1f} %" in table


def test_explain_draws_a_picture(call, run_folder, recording, tmp_path):
    call("predict", run_folder, recording, "--explain", "--out", tmp_path / "pictures")
    (picture,) = (tmp_path / "pictures").iterdir()
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_stream_answers_as_for_the_whole(run_folder, recording, call):
    with np.load(recording) as arrays:
        lines = "".join(f"{t} {c}\n" for t, c in zip(arrays["times"], arrays["channels"], strict=True))
    result = CliRunner().invoke(cli.app, ["predict", str(run_folder), "--stream", "--every", "0.1"], input=lines)
    assert result.exit_code == 0, result.output
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert [answer["final"] for answer in answers] == [False] * (len(answers) - 1) + [True]
    whole = json.loads(call("predict", run_folder, recording, "--json").stdout)
    assert answers[-1]["label"] == whole["label"]
    assert answers[-1]["probability"] == pytest.approx(whole["probability"], abs=1e-5)


@pytest.mark.parametrize(
    ("options", "given", "message"),
    [
        ([], "", "give recordings to read, or --stream"),
        (["--stream", "--csv"], "", "--stream prints JSON lines"),
        (["--stream"], "0.1 x\n", "'0.1 x' is not “seconds channel”"),
        (["--stream"], "", "holds no event"),
        (["--rate", "8000", "x.npz"], "", "--rate and --every belong to --stream"),
        (["--json", "--csv", "x.npz"], "", "give one of them"),
    ],
)
def test_wrong_use_is_exit_code_2(run_folder, options, given, message):
    result = CliRunner().invoke(cli.app, ["predict", str(run_folder), *options], input=given)
    assert result.exit_code == 2
    assert message in result.stderr
