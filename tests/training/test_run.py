"""Whole runs on a tiny set: what the folder holds, and that a run that was killed ends as if it had not been."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from spikescan.errors import InputError
from spikescan.training import checkpoints, recipe_files, run
from spikescan.training.evaluate import evaluate_run
from spikescan.training.recorder import chosen

COLUMNS = {
    "epoch",
    "train_loss",
    "train_accuracy",
    "validation_loss",
    "validation_accuracy",
    "test_accuracy",
    "seconds",
    "spikes_per_ms",
    "learning_rate",
}
NEURONS = ["lif", "vanilla-lif", "spsn-sb", "spsn-gs", "mpe-psn", "relu"]


def go(recipe, store, out, **options):
    said = []
    prepared = {key: options[key] for key in ("resume", "overwrite") if key in options}
    stuff = run.prepare(recipe, out, store=store, **prepared)
    summary = run.train(stuff, out, resume=options.get("resume", False), say=said.append)
    return summary, said


def rows_of(out):
    with (out / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def finished(recipe, store, tmp_path_factory):
    """A run of five epochs that nothing disturbed."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    go(recipe(training__epochs=5), store, out)
    return out


def test_folder_holds_everything(finished):
    names = {path.relative_to(finished).as_posix() for path in finished.rglob("*") if path.is_file()}
    expected = {"recipe.toml", "metrics.csv", "metrics.json", "model.safetensors"}
    expected |= {f"pictures/{name}.png" for name in ("curves", "raster", "spike_rate", "confusion")}
    assert names >= expected
    assert any(name.startswith("tensorboard/events.out") for name in names)
    assert not [name for name in names if name.endswith(".tmp")]


def test_metrics_have_a_row_an_epoch(finished):
    rows = rows_of(finished)
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4", "5"]
    assert rows[0].keys() >= COLUMNS
    assert all(float(row["seconds"]) > 0 for row in rows)
    assert all(row["test_accuracy"] == "" for row in rows)


def test_summary(finished):
    summary = json.loads((finished / "metrics.json").read_text())
    row = rows_of(finished)[summary["epoch"] - 1]
    assert summary["protocol"] == "held-out"
    assert summary["validation_accuracy"] == float(row["validation_accuracy"])
    assert summary["protocols"]["held-out"]["test_accuracy"] == summary["test_accuracy"]
    assert summary["spikes_per_ms"] > 0
    assert len(summary["spike_rate"]) == 2
    assert summary["parameters"] == sum(tensor.numel() for tensor in trainable(finished))
    assert np.sum(summary["confusion"]) == 12
    assert summary["versions"].keys() >= {"spikescan", "python", "torch"}
    assert summary["device"]


def trainable(folder):
    weights = load_file(folder / "model.safetensors")
    kept = "running", "num_batches", "width"
    return [tensor for name, tensor in weights.items() if not any(word in name for word in kept)]


def test_evaluation_of_the_folder_gives_the_summary_again(finished, store):
    summary = json.loads((finished / "metrics.json").read_text())
    measured, _ = evaluate_run(finished, "test", store=store, device="cpu")
    assert measured.accuracy == summary["test_accuracy"]
    assert measured.confusion == summary["confusion"]
    assert measured.spikes_per_ms == summary["spikes_per_ms"]
    assert measured.synaptic_operations == summary["synaptic_operations"]


def test_model_is_the_chosen_epoch(finished):
    summary = json.loads((finished / "metrics.json").read_text())
    content = checkpoints.read(finished / "checkpoints" / f"epoch-{summary['epoch']:04d}.ckpt")
    for name, tensor in load_file(finished / "model.safetensors").items():
        torch.testing.assert_close(tensor, content["state_dict"][f"network.{name}"], rtol=0, atol=0)


def test_checkpoints_kept_are_the_last_two_and_the_best(finished):
    kept = set(checkpoints.epochs(finished / "checkpoints"))
    best = json.loads((finished / "metrics.json").read_text())["epoch"]
    assert kept >= {4, 5, best}
    assert len(kept) <= 4


def same_rows(one, other):
    timing = {"seconds", "elapsed_seconds"}
    strip = [[{k: v for k, v in row.items() if k not in timing} for row in rows_of(out)] for out in (one, other)]
    return strip[0] == strip[1]


@pytest.mark.usefixtures("no_pictures")
def test_killed_run_resumes_bit_for_bit(finished, recipe, store, tmp_path):
    out = tmp_path / "killed"
    settings = (finished / "recipe.toml").as_posix()
    command = ["train", "shd", "--recipe", settings, "--out", str(out), "--store", str(store)]
    wait_and_kill(command, out / "checkpoints" / "epoch-0002.ckpt")
    assert not (out / "model.safetensors").exists()
    _, said = go(recipe(training__epochs=5), store, out, resume=True)
    assert any("resuming from" in message and "epoch-000" in message for message in said)
    assert (out / "model.safetensors").read_bytes() == (finished / "model.safetensors").read_bytes()
    assert same_rows(out, finished)


def wait_and_kill(command, file: Path, patience=120.0):
    """Start the command line and kill it with -9 in the middle of the epoch after ``file`` appears."""
    slow = (
        "import time, sys; from spikescan import cli; from spikescan.training.task import Task; "
        "step = Task.training_step; "
        "Task.training_step = lambda *a: (time.sleep(0.05), step(*a))[1]; "
        f"sys.argv = ['spikescan', *{command!r}]; cli.main()"
    )
    threads = {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    process = subprocess.Popen([sys.executable, "-c", slow], env=os.environ | threads, stderr=subprocess.PIPE)
    deadline = time.monotonic() + patience
    while not file.exists():
        assert process.poll() is None, process.stderr.read().decode()
        assert time.monotonic() < deadline, f"no {file.name} after {patience} s"
        time.sleep(0.01)
    time.sleep(0.08)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize("damage", ["truncated", "gone"])
def test_resume_goes_back_to_the_last_whole_checkpoint(finished, recipe, store, tmp_path, damage):
    out = copy(finished, tmp_path)
    newest = out / "checkpoints" / "epoch-0005.ckpt"
    newest.write_bytes(newest.read_bytes()[:1000]) if damage == "truncated" else newest.unlink()
    (out / "model.safetensors").unlink()
    _, said = go(recipe(training__epochs=5), store, out, resume=True)
    assert any("epoch-0004.ckpt" in message for message in said)
    assert (damage == "truncated") == any("damaged" in message for message in said)
    assert (out / "model.safetensors").read_bytes() == (finished / "model.safetensors").read_bytes()
    assert same_rows(out, finished)


@pytest.mark.usefixtures("no_pictures")
def test_resume_before_the_first_checkpoint_starts_again(finished, recipe, store, tmp_path):
    out = tmp_path / "early"
    out.mkdir()
    (out / "recipe.toml").write_bytes((finished / "recipe.toml").read_bytes())
    _, said = go(recipe(training__epochs=5), store, out, resume=True)
    assert any("from the beginning" in message for message in said)
    assert (out / "model.safetensors").read_bytes() == (finished / "model.safetensors").read_bytes()


@pytest.mark.usefixtures("no_pictures")
def test_resume_of_a_finished_run_only_finishes_again(finished, recipe, store, tmp_path):
    out = copy(finished, tmp_path)
    (out / "metrics.csv").write_text("half a ro")
    (out / "checkpoints" / ".epoch-0006.ckpt.abc.tmp").write_bytes(b"half a checkpoint")
    _, said = go(recipe(training__epochs=5), store, out, resume=True)
    assert not any(message.startswith("epoch") for message in said)
    assert same_rows(out, finished)
    assert not list(out.rglob("*.tmp"))


def copy(folder, tmp_path):
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def test_resume_keeps_the_recipe(finished, store):
    with pytest.raises(InputError, match=r"keeps its recipe .*training.lr is 0.005, asked is 0.25"):
        run.prepare(run.recorded(finished, {"training.lr": 0.25}), finished, store=store, resume=True)


def test_folder_is_not_overwritten(finished, recipe, store, tmp_path):
    with pytest.raises(InputError, match=r"--resume continues it, --overwrite replaces it"):
        run.prepare(recipe(training__epochs=5), finished, store=store)
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match="no run"):
        run.prepare(recipe(training__epochs=5), tmp_path, store=store, overwrite=True)
    with pytest.raises(InputError, match="is a file"):
        run.prepare(recipe(training__epochs=5), tmp_path / "thesis.tex", store=store, overwrite=True)


@pytest.mark.usefixtures("no_pictures")
def test_overwrite_leaves_what_is_not_the_runs_own(recipe, store, tmp_path):
    go(recipe(training__epochs=1), store, tmp_path)
    (tmp_path / "notes.txt").write_text("keep me")
    go(recipe(training__epochs=2), store, tmp_path, overwrite=True)
    assert (tmp_path / "notes.txt").read_text() == "keep me"
    assert len(rows_of(tmp_path)) == 2


def test_nothing_to_resume(recipe, store, tmp_path):
    with pytest.raises(InputError, match="nothing to resume"):
        run.prepare(recipe(), tmp_path / "none", store=store, resume=True)


def test_output_that_cannot_be_written(recipe, store, tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    with pytest.raises(InputError, match=r"cannot be written \(Permission denied\)"):
        run.prepare(recipe(), tmp_path / "a" / "b", store=store)
    assert not (tmp_path / "a").exists()


def test_cuda_that_is_not_there(recipe, store, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="sees no CUDA device"):
        run.prepare(recipe(training__device="cuda"), tmp_path / "run", store=store)


@pytest.mark.parametrize("neuron", NEURONS)
def test_every_neuron_trains(recipe, store, tmp_path, neuron):
    summary, _ = go(recipe(neuron__name=neuron, training__epochs=1), store, tmp_path / "run")
    assert 0 <= summary["test_accuracy"] <= 1
    assert (summary["spikes_per_ms"] is None) == (neuron == "relu")
    assert evaluate_run(tmp_path / "run", "validation", store=store)[0].samples > 0


@pytest.mark.usefixtures("no_pictures")
def test_published_protocol_judges_the_last_epoch(recipe, store, tmp_path):
    small = {"network__hidden": [8], "neuron__name": "spsn-sb"}
    summary, _ = go(recipe("published", protocol__test="every-epoch", **small), store, tmp_path / "run")
    rows = rows_of(tmp_path / "run")
    assert summary["epoch"] == 2
    assert summary["test_accuracy"] == float(rows[-1]["test_accuracy"])
    assert summary["best_test_accuracy"] == max(float(row["test_accuracy"]) for row in rows)
    assert all(row["validation_accuracy"] == "" for row in rows)


def test_evaluation_under_the_other_protocol(finished, store):
    padded, _ = evaluate_run(finished, "test", protocol="published", store=store)
    masked, _ = evaluate_run(finished, "test", protocol="held-out", store=store)
    assert padded.loss != masked.loss


@pytest.mark.usefixtures("no_pictures")
def test_regularised_run_spikes_less(recipe, store, tmp_path):
    fast = {"training__epochs": 4, "training__lr": 0.05}
    free, _ = go(recipe(**fast), store, tmp_path / "free")
    held, _ = go(recipe(**fast, loss__rate_limit=0.1), store, tmp_path / "held")
    assert held["spikes_per_ms"] < 0.9 * free["spikes_per_ms"]


def test_chosen_epoch():
    held, published = (recipe_files.load(name) for name in ("shd", "published"))
    figures = [(0.5, 1.0), (0.8, 0.9), (0.8, 0.7), (0.8, 0.7), (0.6, 0.1)]
    rows = [
        {"epoch": k, "validation_accuracy": accuracy, "validation_loss": loss}
        for k, (accuracy, loss) in enumerate(figures, 1)
    ]
    assert chosen(rows, held)["epoch"] == 3
    assert chosen(rows, published)["epoch"] == 5


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"not safetensors", "damaged, or no safetensors file"),
        (b"", "damaged, or no safetensors file"),
        (None, "no such file; the run has not finished"),
    ],
)
def test_damaged_model(finished, store, tmp_path, content, message):
    out = copy(finished, tmp_path)
    (out / "model.safetensors").unlink()
    if content is not None:
        (out / "model.safetensors").write_bytes(content)
    with pytest.raises(InputError, match=message):
        evaluate_run(out, "test", store=store)


def test_model_of_another_network(finished, store, tmp_path):
    from safetensors.torch import save_file

    out = copy(finished, tmp_path)
    save_file({"x": torch.zeros(3)}, out / "model.safetensors")
    with pytest.raises(InputError, match="weights of another network"):
        evaluate_run(out, "test", store=store)
    whole = (finished / "model.safetensors").read_bytes()
    (out / "model.safetensors").write_bytes(whole[: len(whole) - 10])
    with pytest.raises(InputError, match="damaged"):
        evaluate_run(out, "test", store=store)
