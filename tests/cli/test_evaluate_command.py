"""`spikescan evaluate`: a run is needed, and a confusion matrix is shown whole or not at all."""

import pytest
from rich.console import Console

from spikescan import report
from spikescan.cli import evaluate
from spikescan.training.evaluate import Measurement

COUNTS = "spikes_per_ms", "spikes_per_ms_by_layer", "spike_rate", "synaptic_operations", "estimation_distance"


NAMES = tuple(f"class {k}" for k in range(20))


def measured(confusion):
    counts = {"mistakes": [(1, 2, 5)], "by_class": [(1, 9, 4)]}
    return Measurement("test", 9, 0.1, 4 / 9, confusion, **counts, **dict.fromkeys(COUNTS))


def test_a_confusion_matrix_in_a_pipe_is_whole(capsys):
    evaluate._show_confusion(measured([[7] * 20 for _ in NAMES]), NAMES)
    shown = capsys.readouterr().out
    assert "…" not in shown
    assert (shown.count("7"), shown.count("class 19")) == (20 * 20 + 4, 2)


@pytest.mark.parametrize("confusion", [[[7] * 20 for _ in NAMES], None])
def test_a_confusion_matrix_that_is_too_wide(capsys, monkeypatch, confusion):
    monkeypatch.setattr(report, "console", lambda: Console(width=80))
    evaluate._show_confusion(measured(confusion), NAMES)
    shown = capsys.readouterr()
    assert "…" not in shown.out
    for words in ("class 1 ", "44.4 %", "class 2 "):
        assert words in shown.out
    assert ("with --json" in shown.err) == (confusion is not None)


def test_a_confusion_matrix_that_fits(capsys, monkeypatch):
    monkeypatch.setattr(report, "console", lambda: Console(width=80))
    evaluate._show_confusion(measured([[7] * 4 for _ in range(4)]), NAMES)
    assert capsys.readouterr().out.count("7") == 16


def test_evaluate_needs_a_run(call, tmp_path):
    assert "not the folder of a run" in call("evaluate", tmp_path, code=2).stderr
