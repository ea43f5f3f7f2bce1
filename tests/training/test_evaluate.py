"""What an evaluation says of classes: the matrix by hand, and what stands for it where there are too many."""

import json

import h5py
import pytest
import torch
from matplotlib.figure import Figure
from speech_files import write_split
from torchmetrics.functional.classification import multiclass_confusion_matrix

from spikescan.training import evaluate as measuring
from spikescan.training import raster, recipe_files, run
from spikescan.training.task import Task

LABELS, GIVEN = torch.tensor([0, 0, 1, 2, 2, 2, 2]), torch.tensor([0, 1, 1, 0, 0, 1, 2])


def test_classes_by_hand():
    assert measuring._confusion(LABELS, GIVEN, 4) == [[1, 1, 0, 0], [0, 1, 0, 0], [2, 1, 1, 0], [0, 0, 0, 0]]
    assert measuring._confusion(torch.tensor([0]), torch.tensor([0]), 1) == [[1]]
    assert measuring._mistakes(LABELS, GIVEN) == [(2, 0, 2), (0, 1, 1), (2, 1, 1)]
    assert measuring._by_class(LABELS, GIVEN) == [(0, 2, 1), (1, 1, 1), (2, 4, 1)]


def test_classes_as_torchmetrics_counts_them():
    labels, given = torch.randint(0, 5, (2, 400))
    assert measuring._confusion(labels, given, 6) == multiclass_confusion_matrix(given, labels, 6).tolist()


def test_a_label_far_off(recipe, tmp_path):
    """65 535 is one mistaken label, not 65 536² numbers."""
    for name, samples in (("x_train.h5", 44), ("x_test.h5", 12)):
        write_split(tmp_path / name, samples, 0)
    with h5py.File(tmp_path / "x_train.h5", "r+") as file:
        file["labels"][0] = 65_535
    said = []
    chosen = recipe(data__root=str(tmp_path), training__epochs=1, network__hidden=[2])
    stuff = run.prepare(chosen, tmp_path / "run", store=tmp_path / "store")
    summary = run.train(stuff, tmp_path / "run", say=said.append)
    assert any(message.startswith("warning: 65531 of 65536 classes have no sample: 4, 5, ") for message in said)
    assert any("no confusion matrix is kept" in message for message in said)
    assert summary["confusion"] is None
    assert len(summary["mistakes"]) <= measuring.SHOWN
    assert (tmp_path / "run" / "metrics.json").stat().st_size < 10_000
    assert not (tmp_path / "run" / "pictures" / "confusion.png").exists()
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["test_accuracy"] == summary["test_accuracy"]


def test_of_many_classes_the_highest_are_drawn():
    potential, (few, many) = torch.arange(1000.0).expand(5, -1).numpy(), Figure().subplots(2)
    raster._readout(few, potential[:, :7], 1.0, (3, 3), "abcdefg")
    raster._readout(many, potential, 1.0, (3, 3), [str(k) for k in range(1000)])
    drawn = [[line.get_ydata()[0] for line in axes.lines if len(line.get_ydata())] for axes in (few, many)]
    assert drawn[0] == [3, 0, 1, 2, 4, 5, 6]
    assert drawn[1] == [3, *range(1000 - raster.LINES, 1000)]
    assert [text.get_text() for text in many.get_legend().get_texts()][1] == "the highest 128 of 999 other classes"


@pytest.mark.usefixtures("no_pictures")
def test_a_recipe_that_leaves_things_open(recipe, store, tmp_path):
    """Of an older version, or shortened by hand: what it lacks is what it was when the run began."""
    chosen = recipe(neuron__name="mpe-psn", training__epochs=1)
    summary = run.train(run.prepare(chosen, tmp_path, store=store), tmp_path, say=lambda message: None)
    text = recipe_files.dumps(run.recorded(tmp_path, {}))
    kept = [line for line in text.splitlines() if not line.startswith(("frames", "init", "readout", "device"))]
    (tmp_path / "recipe.toml").write_text("\n".join(kept))
    measured, _ = measuring.evaluate_run(tmp_path, "test", store=store, device="cpu")
    assert measured.accuracy == summary["test_accuracy"]
    run.prepare(run.recorded(tmp_path, {}), tmp_path, store=store, resume=True)


@pytest.mark.usefixtures("no_pictures")
def test_seconds_an_epoch_are_not_those_of_compiling(recipe, store, tmp_path, monkeypatch):
    """Two epochs, the first of which waits for its kernels."""
    finish = Task._row

    def slow_at_first(self):
        self.seconds = 30.0 if self.current_epoch == 0 else 1.0
        return finish(self)

    monkeypatch.setattr(Task, "_row", slow_at_first)
    stuff = run.prepare(recipe(training__epochs=2), tmp_path / "run", store=store)
    assert run.train(stuff, tmp_path / "run", say=str)["seconds_per_epoch"] == 1.0
