"""The bar of a training: what it counts, and the time that it says is left."""

import io
import sys

import pytest
from rich.console import Console
from rich.progress import Progress

from spikescan.training import fitting, progress, run
from spikescan.training.progress import Times, TrainingBar, progress_bar

pytestmark = pytest.mark.usefixtures("no_pictures")


@pytest.fixture
def drawn(monkeypatch):
    """What a terminal of 100 columns received."""
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    monkeypatch.setattr(fitting, "progress_bar", lambda epochs: [TrainingBar(epochs, console)])
    monkeypatch.setattr(progress, "PAUSE", 0.0)
    return console.file.getvalue


def test_it_counts_epochs_and_batches(recipe, store, tmp_path, drawn):
    out = tmp_path / "run"
    run.train(run.prepare(recipe(training__epochs=2), out, store=store), out, say=lambda line: None)
    shown = drawn()
    assert "epoch 2/2, batch 5/5" in shown
    assert "loss " in shown
    assert " %" in shown
    assert "0:00:00 left" in shown
    assert "/0" not in shown


def test_a_bar_that_is_resumed_starts_where_it_left_off(recipe, store, tmp_path, monkeypatch):
    bars = []
    monkeypatch.setattr(fitting, "progress_bar", lambda epochs: bars.append(TrainingBar(epochs, screen())) or bars[-1:])
    out = tmp_path / "run"
    step = fitting.Task.training_step

    def stop(self, batch, number):
        if self.current_epoch == 1:
            raise KeyboardInterrupt
        return step(self, batch, number)

    with monkeypatch.context() as patch:
        patch.setattr(fitting.Task, "training_step", stop)
        with pytest.raises(KeyboardInterrupt):
            run.train(run.prepare(recipe(), out, store=store), out, say=lambda line: None)
    assert not bars[0]._bars.live.is_started  # the terminal is left as it was
    stuff = run.prepare(recipe(), out, store=store, resume=True)
    run.train(stuff, out, resume=True, say=lambda line: None)
    (bar,) = bars[1]._bars.tasks
    assert (bar.fields["before"], bar.completed, bar.total) == (5, 10, 10)


def screen():
    return Console(file=io.StringIO())


@pytest.mark.parametrize(
    ("completed", "expected"),
    [(20, "0:01:40, -:--:-- left"), (30, "0:01:40, 0:11:40 left"), (100, "0:01:40, 0:00:00 left")],
)
def test_time_left_counts_all_time_since_the_start(completed, expected):
    bars = Progress(get_time=lambda: 100.0, console=screen())
    bars.add_task("", total=100, completed=completed, before=20)
    bars.tasks[0].start_time = 0.0
    assert str(Times().render(bars.tasks[0])) == expected


def test_there_is_none_but_on_a_terminal(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert progress_bar(3) == []
    monkeypatch.setattr(sys, "stderr", None)
    assert progress_bar(3) == []
