"""Whole runs of convolutional networks on a tiny camera set."""

import csv
import json
from pathlib import Path

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.plugins import MixedPrecision

from spikescan.errors import InputError, TrainingError
from spikescan.training import checkpoints, fitting, run
from spikescan.training.classifier import SKIPS
from spikescan.training.evaluate import evaluate_run
from spikescan.training.task import Task

NETWORKS = {
    "conv": {},
    "gesture": {"width": 3, "size": 32, "hidden": [12], "plan": "none"},
    "vgg": {"width": 2, "size": 16, "hidden": "none", "plan": "none"},
    "resnet19": {"width": 2, "size": 8, "hidden": "none", "plan": "none", "dropout": "none", "steps": "none"},
}


def go(recipe, camera, out, **options):
    said: list[str] = []
    stuff = run.prepare(recipe, out, store=camera / "store", resume=options.get("resume", False))
    return run.train(stuff, out, resume=options.get("resume", False), say=said.append), said


def rows_of(out: Path):
    with (out / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def finished(camera, camera_recipe, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "whole"
    go(camera_recipe(training__epochs=3, training__mixup=0.5), camera, out)
    return out


def test_folder_and_figures(finished, camera):
    summary = json.loads((finished / "metrics.json").read_text())
    assert len(summary["spike_rate"]) == len(summary["estimation_distance"]) == 2
    assert 0 < summary["synaptic_operations"]["input"] < summary["synaptic_operations"]["total"]
    assert {path.stem for path in (finished / "pictures").iterdir()} == {"curves", "raster", "spike_rate", "confusion"}
    measured, _ = evaluate_run(finished, "test", store=camera / "store", device="cpu")
    assert measured.accuracy == summary["test_accuracy"]
    assert measured.synaptic_operations == summary["synaptic_operations"]
    assert measured.estimation_distance == summary["estimation_distance"]


def test_kappa_and_thresholds_by_layer_and_epoch(finished):
    rows = rows_of(finished)
    for row in rows:
        for k in (0, 1):
            assert 0 < float(row[f"distance_layer{k}"]) < 10
    content = checkpoints.read(finished / "checkpoints" / "epoch-0003.ckpt")["state_dict"]
    for name in ("kappa", "threshold"):
        for k in (0, 1):
            expected = content[f"network.neurons.{k}.{name}"].mean().item()
            assert float(rows[-1][f"{name}_layer{k}"]) == pytest.approx(expected)
            assert len({row[f"{name}_layer{k}"] for row in rows}) == 3  # it is learned
    events = b"".join(path.read_bytes() for path in (finished / "tensorboard").iterdir())
    for tag in (b"kappa_layer0", b"threshold_layer1", b"neurons/0.kappa/step3"):
        assert tag in events


@pytest.mark.usefixtures("no_pictures")
def test_resumed_run_with_mixup_is_the_same_bit_for_bit(finished, camera, camera_recipe, tmp_path):
    recipe = camera_recipe(training__epochs=3, training__mixup=0.5)
    stopped = tmp_path / "stopped"

    class Stop(Exception):
        pass

    def say(message):
        if message.startswith("epoch 2"):
            raise Stop

    stuff = run.prepare(recipe, stopped, store=camera / "store")
    with pytest.raises(Stop):
        run.train(stuff, stopped, say=say)
    _, said = go(recipe, camera, stopped, resume=True)
    assert any("epoch-0002.ckpt" in message for message in said)
    assert (stopped / "model.safetensors").read_bytes() == (finished / "model.safetensors").read_bytes()


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("neuron", ["mpe-psn", "vanilla-lif"])
def test_every_network_trains(camera, camera_recipe, tmp_path, kind, neuron):
    changes = {f"network__{key}": value for key, value in ({"kind": kind} | NETWORKS[kind]).items()}
    recipe = camera_recipe(**changes, neuron__name=neuron, training__epochs=1)
    summary, _ = go(recipe, camera, tmp_path / "run")
    assert 0 <= summary["test_accuracy"] <= 1
    assert (summary["estimation_distance"] is None) == (neuron == "vanilla-lif")


@pytest.mark.usefixtures("no_pictures")
def test_estimation_loss_brings_estimate_and_membrane_together(camera, camera_recipe, tmp_path):
    options = {"training__epochs": 25, "training__lr": 0.1, "loss__learn_kappa": False}
    distances = {}
    for weight in (0.0, 0.9):
        summary, _ = go(camera_recipe(**options, loss__estimation_weight=weight), camera, tmp_path / f"{weight}")
        assert summary["test_accuracy"] > 0.7
        distances[weight] = sum(summary["estimation_distance"])
        assert {row["kappa_layer0"] for row in rows_of(tmp_path / f"{weight}")} == {"0.25"}
    assert distances[0.9] < 0.9 * distances[0.0]


@pytest.mark.usefixtures("no_pictures")
def test_estimation_loss_ends_at_its_epoch(camera, camera_recipe, tmp_path):
    """κ has a gradient from L_mem alone: it stands still from then on."""
    options = {"training__epochs": 3, "training__schedule": "constant", "training__weight_decay": 0.0}
    go(camera_recipe(**options, loss__estimation_epochs=1), camera, tmp_path / "run")
    kappas = [row["kappa_layer0"] for row in rows_of(tmp_path / "run")]
    assert kappas[0] == kappas[1] == kappas[2]
    assert 0 < abs(float(kappas[0]) - 0.25) < 0.1


def test_sixteen_bits_need_cuda(camera, camera_recipe, tmp_path):
    for sixteen in ("16", 16):  # as a file says it, and as --set does
        with pytest.raises(InputError, match=r"training.precision: 16 .* on the CPU; take .*precision=bf16"):
            run.prepare(camera_recipe(training__precision=sixteen), tmp_path / "run", store=camera / "store")


@pytest.mark.usefixtures("no_pictures")
def test_bfloat16_on_the_cpu(camera, camera_recipe, tmp_path):
    summary, _ = go(camera_recipe(training__precision="bf16", training__epochs=1), camera, tmp_path / "run")
    assert summary["skipped_steps"] == 0


@pytest.fixture
def scaled(monkeypatch: pytest.MonkeyPatch):
    """Loss scaling as on CUDA, by torch's own scaler for the CPU."""
    original = pl.Trainer

    def trainer(*, precision, plugins, **rest):
        scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
        return original(plugins=[*plugins, MixedPrecision("16-mixed", "cpu", scaler)], **rest)

    monkeypatch.setattr(fitting.pl, "Trainer", trainer)


def overflow(monkeypatch: pytest.MonkeyPatch, steps: range) -> list[torch.Tensor]:
    """Make the gradients of these steps infinite; collects the weights after every step."""
    backward, end, weights = Task.backward, Task.on_train_batch_end, []

    def spoil(self, loss, *arguments):
        backward(self, loss, *arguments)
        if self.global_step + self.skipped in steps:
            self.network.stages[0].folded[0].weight.grad[0, 0, 0, 0] = torch.inf

    def look(self, *arguments):
        weights.append(self.network.stages[0].folded[0].weight.detach().clone())
        end(self, *arguments)

    monkeypatch.setattr(Task, "backward", spoil)
    monkeypatch.setattr(Task, "on_train_batch_end", look)
    return weights


@pytest.mark.usefixtures("no_pictures", "scaled")
def test_a_step_that_overflows_is_skipped_and_counted(camera, camera_recipe, tmp_path, monkeypatch):
    weights = overflow(monkeypatch, range(1, 3))
    summary, _ = go(camera_recipe(training__epochs=1), camera, tmp_path / "run")
    assert summary["skipped_steps"] == int(rows_of(tmp_path / "run")[-1]["skipped_steps"]) >= 1
    assert torch.equal(weights[1], weights[0])
    assert not torch.equal(weights[-1], weights[0])
    assert all(weight.isfinite().all() for weight in weights)


@pytest.mark.usefixtures("no_pictures", "scaled")
def test_many_skipped_steps_stop_the_run(camera, camera_recipe, tmp_path, monkeypatch):
    overflow(monkeypatch, range(10_000))
    with pytest.raises(TrainingError, match=r"the gradient of stages.0.folded.0.weight"):
        go(camera_recipe(training__epochs=SKIPS), camera, tmp_path / "run")
