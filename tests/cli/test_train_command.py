"""`spikescan train` as a person or a script meets it: exit codes, what is on stdout, what is on stderr."""

import json

import pytest

pytestmark = pytest.mark.usefixtures("no_pictures")


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
    assert "loss.rate_limit is None, asked is 0.5" in train(out, "--resume", "--rate-limit", 0.5, code=2).stderr
    assert "epoch 2/2" in train(out, "--resume", "--epochs", 2).stderr
    assert "give one of them" in train(out, "--resume", "--overwrite", code=2).stderr
    assert "epoch 1/1" in train(out, "--overwrite", "--epochs", 1).stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--neuron", "izhikevich"], "neuron.name: 'izhikevich' is unknown, choose from adaptive-lif"),
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
        result = train(tmp_path / "my run", "--epochs", 2, code=130)
    assert f"spikescan train shd --out '{tmp_path / 'my run'}' --store {store} --resume" in result.stderr
    assert "epoch 2/2" in train(tmp_path / "my run", "--resume").stderr
