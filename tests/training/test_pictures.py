"""Pictures of a run: text is text, one that fails costs a sentence, and each says what it shows."""

import re
from dataclasses import replace

import pytest
from matplotlib.figure import Figure

from spikescan.training import pictures, run, style
from spikescan.training.evaluate import Measurement, evaluate

MATHS = "a $x^$ b", "$\\frac$", "$x$", "100 % $", "plain", "x" * 300
COUNTS = "spikes_per_ms", "spikes_per_ms_by_layer", "estimation_distance", "synaptic_operations"
NAMES = "curves", "raster", "confusion", "spike_rate"
ROWS = [{"epoch": k, "train_accuracy": 0.5, "train_loss": 1.0, "validation_accuracy": 0.4} for k in (1, 2)]


def figure_and_texts(draw):
    """What ``draw`` makes in our style, and all text in it once it is drawn."""
    figures = []
    style.rendered(lambda: figures.append(draw()) or figures[0])
    texts = [text.get_text() for text in figures[0].findobj(lambda item: hasattr(item, "get_text"))]
    return figures[0], [text for text in texts if text]


def measured(classes):
    counts = [[int(row == column) for column in range(classes)] for row in range(classes)]
    return Measurement("test", classes, 0.1, 0.501, counts, [], [], **dict.fromkeys(COUNTS), spike_rate=[0.25, 0.125])


@pytest.fixture
def stuff(recipe, store, tmp_path):
    """A set whose classes have the names that break a formula."""
    stuff = run.prepare(recipe(), tmp_path / "run", store=store)
    named = replace(stuff.dataset, name="my $folder^$", class_names=MATHS[: stuff.dataset.classes])
    return replace(stuff, dataset=named)


def test_names_that_look_like_formulas(stuff, tmp_path):
    network = stuff.network()
    drawn = pictures.of_run(tmp_path, stuff, network, ROWS, evaluate(network, stuff, "test"), 1, say=pytest.fail)
    assert sorted(path.name for path in drawn) == ["confusion.png", "curves.png", "raster.png", "spike_rate.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in drawn)


@pytest.mark.parametrize(("suffix", "start"), [("svg", b"<?xml"), ("pdf", b"%PDF-")])
def test_other_formats(stuff, tmp_path, monkeypatch, suffix, start):
    for name in NAMES:
        monkeypatch.setattr(pictures, name, lambda *arguments: Figure((1, 1)))
    network = stuff.network()
    first, second = (
        pictures.of_run(tmp_path, stuff, network, ROWS, measured(4), 1, suffix=suffix, say=pytest.fail) for _ in "ab"
    )
    assert {path.name for path in first} == {
        f"{name}.{suffix}" for name in ("curves", "raster", "confusion", "spike_rate")
    }
    assert all(path.read_bytes().startswith(start) for path in second)


@pytest.mark.parametrize("suffix", ["svg", "pdf"])
def test_the_same_picture_is_the_same_file(suffix):
    def draw():
        figure = Figure((2, 2))
        figure.text(0.5, 0.5, MATHS[0])
        return figure

    assert style.rendered(draw, suffix) == style.rendered(draw, suffix)


def test_an_unknown_format():
    with pytest.raises(ValueError, match="png, svg, pdf, not 'gif'"):
        style.rendered(Figure, "gif")


def test_a_picture_that_fails_costs_a_sentence(stuff, tmp_path, monkeypatch):
    def broken(*arguments):
        raise ZeroDivisionError("no reason")

    said = []
    monkeypatch.setattr(pictures, "curves", broken)
    drawn = pictures.of_run(tmp_path, stuff, stuff.network(), ROWS, measured(4), 1, say=said.append)
    assert len(drawn) == 3
    assert said == [f"warning: {tmp_path / 'curves.png'}: could not be drawn (ZeroDivisionError: no reason)"]


def test_titles_have_the_data_sets_name_and_percents_one_form(stuff):
    _, shown = figure_and_texts(lambda: pictures.confusion(measured(4), MATHS[:4], "lif on my $folder^$"))
    assert "50.1 % of 4 test samples correct\nlif on my $folder^$" in shown
    assert "$\\frac$" in shown
    assert not [text for text in shown if re.search(r"\d%", text)]


def test_a_raster_says_what_it_counts_and_what_was_predicted(stuff):
    shown = "\n".join(figure_and_texts(lambda: pictures.raster(stuff, stuff.network(), "lif on x"))[1])
    assert re.search(r"\d\.\d % of all \(channel, step\) pairs hold an event", shown)
    assert re.search(r"\d\.\d % of all \(neuron, step\) pairs hold a spike", shown)
    assert "predicted class, " in shown


def test_a_comparison_names_its_data_and_scales():
    summary = {"data": "my $folder^$", "test_accuracy": 0.5, "seconds_per_epoch": 1.5, "spikes_per_ms": None}
    both = {"lif": summary, "spsn-gs": summary}
    figure, shown = figure_and_texts(lambda: pictures.comparison(both, dict.fromkeys(both, ROWS)))
    assert "lif, spsn-gs on my $folder^$" in shown
    for axes in figure.axes[1:]:
        assert axes.get_ylabel()
        assert len(axes.get_yticks()) > 1
    assert "50.0 %" in shown


def test_logarithmic_axes_have_numbers():
    def draw():
        figure = Figure()
        axes = figure.subplots()
        axes.loglog([1, 1000], [0.01, 3])
        style.plain_log(axes.xaxis, axes.yaxis)
        return figure

    _, shown = figure_and_texts(draw)
    assert {"1", "100", "1000", "0.01"} <= set(shown)
    assert not [text for text in shown if "$" in text]
