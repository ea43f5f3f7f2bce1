"""Runs that go on: to more epochs, from another run's weights, until nothing improves; and custom neurons."""

import sys
import tomllib
from importlib.util import find_spec

import pytest
import torch
from safetensors.torch import load_file, save_file
from test_run import go, rows_of

from spikescan.errors import InputError
from spikescan.firing import FIRINGS, Threshold
from spikescan.training import checkpoints, custom, recipe_files, run
from spikescan.training.recorder import stalled
from spikescan.training.task import Task, _class_weights

pytestmark = pytest.mark.usefixtures("no_pictures")


def lengthen(store, out, epochs):
    return go(run.recorded(out, {"training.epochs": epochs}), store, out, resume=True)


@pytest.mark.parametrize("schedule", ["one-cycle", "cosine", "constant"])
def test_resume_trains_to_more_epochs_in_all(recipe, store, tmp_path, schedule):
    rates = {}
    for epochs in (2, 5):
        out = tmp_path / str(epochs)
        go(recipe(training__epochs=epochs, training__schedule=schedule), store, out)
        rates[epochs] = [float(row["learning_rate"]) for row in rows_of(out)]
    summary, _ = lengthen(store, tmp_path / "2", 5)
    assert summary["epochs"] == 5
    longer = [float(row["learning_rate"]) for row in rows_of(tmp_path / "2")]
    assert longer == rates[2] + rates[5][2:]  # the schedule of five epochs, from the third on
    assert "epochs = 5" in (tmp_path / "2" / "recipe.toml").read_text()
    with pytest.raises(InputError, match=r"training.epochs: 3, but .* has trained 5"):
        lengthen(store, tmp_path / "2", 3)


def test_lengthened_constant_schedule_equals_the_longer_run(recipe, store, tmp_path):
    for epochs in (2, 4):
        go(recipe(training__epochs=epochs, training__schedule="constant"), store, tmp_path / str(epochs))
    lengthen(store, tmp_path / "2", 4)
    short, long = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("2", "4"))
    assert short == long


def test_early_stopping(recipe, store, tmp_path):
    settings = {"training__epochs": 50, "training__early_stopping": 2, "training__lr": 1e-6}  # learns nothing
    summary, said = go(recipe(**settings), store, tmp_path)
    assert summary["epochs"] == summary["epoch"] + 2 < 50
    assert any("early stopping" in message for message in said)
    again, said = go(run.recorded(tmp_path, {}), store, tmp_path, resume=True)
    assert again["epochs"] == summary["epochs"], "a stopped run must not go on"
    assert not any(message.startswith("epoch") for message in said)
    more, _ = go(run.recorded(tmp_path, {"training.early_stopping": 3}), store, tmp_path, resume=True)
    assert more["epochs"] > summary["epochs"]


def test_early_stopping_counts_from_the_best(recipe):
    rows = [{"epoch": k + 1, "validation_accuracy": a, "validation_loss": 1.0} for k, a in enumerate([0.1, 0.5, 0.4])]
    assert stalled(rows, recipe(training__early_stopping=1))
    assert not stalled(rows, recipe(training__early_stopping=2))
    assert not stalled(rows, recipe())
    with pytest.raises(InputError, match="early_stopping: the published protocol"):
        recipe("published", training__early_stopping=1)


def test_starts_from_another_run(recipe, store, tmp_path):
    go(recipe(training__epochs=1), store, tmp_path / "first")
    source = load_file(tmp_path / "first" / "model.safetensors")
    settings = {"training__epochs": 1, "training__init_from": str(tmp_path / "first"), "training__lr": 1e-12}
    _, said = go(recipe(**settings), store, tmp_path / "same")
    for name, tensor in load_file(tmp_path / "same" / "model.safetensors").items():
        if "norm" not in name and "readout" not in name:
            torch.testing.assert_close(tensor, source[name], msg=name)
    assert any("starting from" in message and "anew" not in message for message in said)
    _, said = go(recipe(network__outputs=15, **settings), store, tmp_path / "other")  # other classes
    assert any("begin anew: output." in message for message in said)
    for name, tensor in load_file(tmp_path / "other" / "model.safetensors").items():
        if name.startswith("linears"):
            torch.testing.assert_close(tensor, source[name], msg=name)


def test_refuses_to_start_from_what_does_not_fit(recipe, store, tmp_path):
    with pytest.raises(InputError, match=r"init_from: .* not the folder of a finished run"):
        run.prepare(recipe(training__init_from=str(tmp_path)), tmp_path / "run", store=store)
    save_file({"linears.0.weight": torch.zeros(3, 3)}, tmp_path / "model.safetensors")
    with pytest.raises(InputError, match="no layer of"):
        go(recipe(training__init_from=str(tmp_path)), store, tmp_path / "run")


def test_class_weights_even_out_the_classes(recipe, store, tmp_path):
    stuff = run.prepare(recipe(loss__class_weights=True), tmp_path, store=store)
    weights = _class_weights(stuff)
    labels = torch.from_numpy(stuff.splits["train"].labels)
    counts = torch.bincount(labels, minlength=len(weights))
    present = counts > 0
    torch.testing.assert_close(
        (weights * counts)[present], torch.full((int(present.sum()),), len(labels) / present.sum()).double()
    )
    assert Task(stuff).class_weights is not None
    with pytest.raises(InputError, match="class_weights: tet has none"):
        recipe(loss__class_weights=True, loss__kind="tet")


@pytest.mark.parametrize("firing", ["escape", "delta_tanh", "threshold_relu_tanh"])
def test_every_firing_function_by_name(recipe, store, tmp_path, firing):
    chosen = recipe(neuron__firing=firing, neuron__name="spsn-gs")
    stuff = run.prepare(chosen, tmp_path, store=store)
    assert stuff.recipe.neuron.name == "spsn", "a firing function makes spsn-gs a plain spsn"
    assert stuff.network().neurons[0].dynamics.firing is FIRINGS[firing]
    with pytest.raises(InputError, match=r"neuron.firing: .*'nonsense' is unknown, choose from bernoulli"):
        recipe(neuron__firing="nonsense")
    with pytest.raises(InputError, match="neuron lif has no use for it"):
        recipe(neuron__firing=firing, neuron__name="lif")


class Late(Threshold):
    """A firing function that no registry knows."""


def test_custom_code_is_imported_by_command_alone(recipe, store, tmp_path, monkeypatch):
    monkeypatch.setattr(custom, "FOUND", {})
    monkeypatch.setattr(custom, "_HANDED", {})
    (tmp_path / "mine_firing.py").write_text(
        "from spikescan.firing import Threshold\nclass Late(Threshold):\n    pass\n", encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    named = {"neuron__firing": "mine_firing:Late"}
    with pytest.raises(InputError, match=r"custom code.*classes=\[Late\]"):
        recipe(**named)
    assert "mine_firing" not in sys.modules
    custom.import_named("mine_firing:Late")
    network = run.prepare(recipe(**named), tmp_path / "run", store=store).network()
    assert type(network.neurons[0].dynamics.firing).__name__ == "Late"
    with pytest.raises(InputError, match="mine_firing:None"):
        custom.import_named("mine_firing:None")
    custom.FOUND.clear()
    custom.hand_over([Late])
    assert recipe(**named).neuron.firing == "mine_firing:Late"


def test_csv_logger(recipe, store, tmp_path):
    go(recipe(training__epochs=2, training__logger="csv"), store, tmp_path)
    assert not (tmp_path / "tensorboard").exists()
    (file,) = (tmp_path / "csv").rglob("metrics.csv")
    assert "validation_accuracy" in file.read_text().splitlines()[0]
    assert [checkpoints.path_of(tmp_path / "checkpoints", k).exists() for k in (1, 2)] == [True, True]


def test_missing_logger_is_named(recipe, store, tmp_path):
    if find_spec("wandb"):
        pytest.skip("wandb is installed")
    with pytest.raises(InputError, match=r"training\.logger: wandb needs a package"):
        go(recipe(training__epochs=1, training__logger="wandb"), store, tmp_path)


def test_scheduler_environment_is_not_looked_for(recipe, store, tmp_path, monkeypatch):
    """SLURM's variables, as inside an interactive allocation, change nothing."""
    for name, value in {"JOB_ID": 1, "NTASKS": 2, "JOB_NAME": "t", "PROCID": 0, "LOCALID": 0, "NODEID": 0}.items():
        monkeypatch.setenv(f"SLURM_{name}", str(value))
    monkeypatch.setenv("SLURM_NODELIST", "n")
    monkeypatch.setenv("SLURM_NTASKS_PER_NODE", "2")
    summary, _ = go(recipe(training__epochs=1), store, tmp_path)
    assert summary["epochs"] == 1
    assert not list(tmp_path.rglob("hpc_ckpt*"))


def test_recipe_keeps_dt_auto_until_it_is_known():
    recipe = recipe_files.load("shd", {"data.dt": "auto"})
    assert recipe.data.dt is None
    assert recipe_files.check(tomllib.loads(recipe_files.dumps(recipe)), "again") == recipe


def test_worker_processes_change_nothing(recipe, store, tmp_path):
    for workers in (0, 2):
        go(recipe(training__workers=workers, data__augment=True), store, tmp_path / str(workers))
    first, second = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("0", "2"))
    assert first == second
