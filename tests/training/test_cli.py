"""The command line as a person or a script meets it: exit codes, what is on stdout, what is on stderr."""

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
from rich.console import Console
from typer.testing import CliRunner

from spikescan import cli, demonstration, report
from spikescan.training.evaluate import Measurement

pytestmark = pytest.mark.usefixtures("no_pictures")

COUNTS = "spikes_per_ms", "spikes_per_ms_by_layer", "spike_rate", "synaptic_operations", "estimation_distance"
SMALL = ["--channels", "20", "--batch-size", "8", "--set", "data.pool=1", "--set", "network.hidden=[8]"]


@pytest.fixture
def call(speech, store):
    def run(*arguments, code=0):
        result = CliRunner().invoke(cli.app, [str(argument) for argument in arguments])
        assert result.exit_code == code, result.output
        assert "Traceback" not in result.output
        return result

    return run


@pytest.fixture
def train(call, speech, store):
    def run(out, *options, data="shd", code=0):
        places = ["--out", out, "--store", store, "--root", speech, "--device", "cpu"]
        return call("train", data, *places, *SMALL, *options, code=code)

    return run


def test_train_and_evaluate(train, call, store, tmp_path):
    out = tmp_path / "run"
    trained = train(out, "--epochs", 2, "--neuron", "lif", "--seed", 3, "--json")
    summary = json.loads(trained.stdout)
    assert (summary["neuron"], summary["seed"], summary["epochs"]) == ("lif", 3, 2)
    assert "epoch 2/2" in trained.stderr
    assert json.loads((out / "metrics.json").read_text()).items() <= summary.items()
    evaluated = json.loads(call("evaluate", out, "--store", store, "--json").stdout)
    assert evaluated["accuracy"] == summary["test_accuracy"]
    assert evaluated["protocol"] == "held-out"
    table = call("evaluate", out, "--store", store, "--split", "validation", "--protocol", "published").stdout
    for word in ("accuracy", "published protocol", "spikes/ms", "synaptic operations", "confusion"):
        assert word in table


def test_options_reach_the_recipe(train, tmp_path):
    out = tmp_path / "run"
    options = ["--augment", "--rate-limit", 0.2, "--holdout-speaker", 1, "--set", "training.lr=0.02"]
    shown = train(out, "--epochs", 1, *options).stdout
    assert "test accuracy" in shown
    text = (out / "recipe.toml").read_text()
    for line in ("augment = true", "rate_limit = 0.2", "holdout_speaker = 1", "lr = 0.02", "batch_size = 8"):
        assert line in text


def test_resume_and_overwrite(train, tmp_path):
    out = tmp_path / "run"
    train(out, "--epochs", 1)
    assert "--overwrite replaces it" in train(out, "--epochs", 1, code=2).stderr
    assert "resuming from" in train(out, "--resume").stderr
    assert "training.epochs is 1, asked is 4" in train(out, "--resume", "--epochs", 4, code=2).stderr
    assert "give one of them" in train(out, "--resume", "--overwrite", code=2).stderr
    assert "epoch 1/1" in train(out, "--overwrite", "--epochs", 1).stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--neuron", "izhikevich"], "neuron.name: 'izhikevich' is unknown, choose from lif"),
        (["--recipe", "nosuch"], "recipe nosuch"),
        (["--set", "training.lrr=1"], "did you mean lr?"),
        (["--set", "training"], "expected key=value"),
        (["--epochs", "0"], "training.epochs"),
        (["--rate-limit", "-1"], "loss.rate_limit"),
        (["--holdout-speaker", "9"], "speaker 9"),
        (["--root", "/no/such/folder"], "/no/such/folder"),
        (["--resume"], "nothing to resume"),
        (["--channels", "7"], "where there are 7 channels"),
        (["--set", "data.name=digits"], "--set data.name=digits: the argument or option for it says shd"),
        (["--epochs", "3", "--set", "training.epochs=4"], "--set training.epochs=4: "),
        (["--set", "data.pool=21"], "data.pool: 21, but data set shd has 20 channels"),
        (["--set", "data.dt=1e-9"], "data.dt"),
        (["--set", "data.frames=10000000000"], "a batch of 10,000,000,000 steps"),
        (["--set", "training.lr=1e38"], "training.lr"),
        (["--set", "training.epochs=true"], "training.epochs"),
        (["--set", "training.lr=1\ntraining.foo=2"], "one key and its value"),
        (["--neuron", "mpe-psn", "--set", "neuron.learn_tau=true"], "neuron.learn_tau: neuron mpe-psn"),
    ],
)
def test_wrong_input_is_exit_code_2(train, tmp_path, options, message):
    result = train(tmp_path / "run", *options, code=2)
    assert message in result.stderr
    assert result.stdout == ""
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("arguments", [["train"], ["train", "digits", "--epochs", "x"], ["nosuch"]])
def test_wrong_usage_is_exit_code_2(call, arguments):
    call(*arguments, code=2)


def test_unknown_and_missing_data(train, call, tmp_path):
    assert "unknown data set 'mnist'" in train(tmp_path / "run", data="mnist", code=2).stderr
    assert "`spikescan data fetch dvsgesture` gets it" in call("data", "info", "dvsgesture", code=2).stderr


def test_diverging_training_is_exit_code_1(train, tmp_path):
    options = ["--set", "training.optimiser=sgd", "--set", "training.schedule=constant"]
    options += ["--set", "training.lr=1e6", "--set", "training.weight_decay=1e6"]
    result = train(tmp_path / "run", *options, code=1)
    assert "training diverged" in result.stderr
    assert "epoch 1, step" in result.stderr


def test_interrupt_says_how_to_go_on(train, store, tmp_path, monkeypatch):
    from spikescan.training.task import Task

    step = Task.training_step

    def interrupted(self, batch, number):
        if self.current_epoch == 1:
            raise KeyboardInterrupt
        return step(self, batch, number)

    with monkeypatch.context() as patch:
        patch.setattr(Task, "training_step", interrupted)
        result = train(tmp_path / "my run", "--epochs", 2, code=1)
    assert f"spikescan train shd --out '{tmp_path / 'my run'}' --store {store} --resume" in result.stderr
    assert "epoch 2/2" in train(tmp_path / "my run", "--resume").stderr


NAMES = tuple(f"class {k}" for k in range(20))


def measured(confusion):
    counts = {"mistakes": [(1, 2, 5)], "by_class": [(1, 9, 4)]}
    return Measurement("test", 9, 0.1, 4 / 9, confusion, **counts, **dict.fromkeys(COUNTS))


def test_a_confusion_matrix_in_a_pipe_is_whole(capsys):
    cli._show_confusion(measured([[7] * 20 for _ in NAMES]), NAMES)
    shown = capsys.readouterr().out
    assert "…" not in shown
    assert (shown.count("7"), shown.count("class 19")) == (20 * 20 + 4, 2)


@pytest.mark.parametrize("confusion", [[[7] * 20 for _ in NAMES], None])
def test_a_confusion_matrix_that_is_too_wide(capsys, monkeypatch, confusion):
    monkeypatch.setattr(report, "console", lambda: Console(width=80))
    cli._show_confusion(measured(confusion), NAMES)
    shown = capsys.readouterr()
    assert "…" not in shown.out
    for words in ("class 1 ", "44.44 %", "class 2 "):
        assert words in shown.out
    assert ("--json shows it" in shown.err) == (confusion is not None)


def test_a_table_on_a_narrow_terminal_is_whole(capsys, monkeypatch):
    monkeypatch.setattr(report, "console", lambda: Console(width=30))
    report.show_table("", ["name", "what"], [["a" * 40, "b" * 40]], numbers=False)
    shown = capsys.readouterr().out
    assert "…" not in shown
    assert (shown.count("a"), shown.count("b")) == (42, 40)  # two in the heading


def test_a_confusion_matrix_that_fits(capsys, monkeypatch):
    monkeypatch.setattr(report, "console", lambda: Console(width=80))
    cli._show_confusion(measured([[7] * 4 for _ in range(4)]), NAMES)
    assert capsys.readouterr().out.count("7") == 16


def test_evaluate_needs_a_run(call, tmp_path):
    assert "not the folder of a run" in call("evaluate", tmp_path, code=2).stderr


def test_data_info_and_convert(call, speech, store):
    assert "digits" in call("data", "info", "--store", store).stdout
    known = json.loads(call("data", "info", "--store", store, "--json").stdout)
    assert {item["name"] for item in known} >= {"digits", "shd", "ssc", "nmnist"}
    places = ["--root", speech, "--store", store, "--channels", 20]
    found = json.loads(call("data", "convert", "shd", *places, "--json").stdout)
    assert (found["channels"], found["classes"], found["splits"]["train"]["samples"]) == (20, 4, 44)
    assert "20 channels, 4 classes" in " ".join(call("data", "info", "shd", *places).stdout.split())


def test_conversion_of_a_broken_file(call, tmp_path, store):
    (tmp_path / "x_train.h5").write_text("no HDF5")
    (tmp_path / "x_test.h5").write_text("no HDF5")
    assert "x_train.h5" in call("data", "convert", "shd", "--root", tmp_path, "--store", store, code=2).stderr


def test_demo_compares_both_neurons(call, recipe, store, tmp_path, monkeypatch):
    def small(name, changes):
        assert name == "digits"
        return recipe("shd", **{key.replace(".", "__"): value for key, value in changes.items()})

    monkeypatch.setattr(demonstration, "recipe_files", SimpleNamespace(load=small))
    shown = call("demo", "--out", tmp_path / "demo", "--epochs", 2, "--store", store).stdout
    for word in ("spsn-gs", "lif", "test accuracy", "seconds an epoch", "spikes/ms", "comparison.png"):
        assert word in shown
    assert (tmp_path / "demo" / "comparison.png").stat().st_size > 10_000
    call("demo", "--out", tmp_path / "demo", "--epochs", 2, "--store", store, code=2)
    again = call("demo", "--out", tmp_path / "demo", "--epochs", 1, "--store", store, "--overwrite", "--json")
    assert json.loads(again.stdout)["runs"].keys() == {"spsn-gs", "lif"}


def test_help_imports_nothing_slow():
    check = (
        "import sys; from spikescan import cli; sys.argv = ['spikescan', '--help']\n"
        "try: cli.main()\n"
        "except SystemExit as stop: assert not stop.code\n"
        "slow = {'lightning', 'h5py', 'matplotlib', 'sklearn', 'tensorboard', 'tonic'} & sys.modules.keys()\n"
        "assert not slow, slow"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, env=os.environ)
    assert done.returncode == 0, done.stderr
    assert "evaluate" in done.stdout
