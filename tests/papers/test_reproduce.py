"""Each experiment from the command line to its page, on tiny recordings and with tiny networks."""

import csv
import json
import re

import pytest
from matplotlib.figure import Figure
from typer.testing import CliRunner

from spikescan import cli
from spikescan.errors import TrainingError
from spikescan.papers import (
    _spsn,
    experiment,
    recordings,
    runner,
    spsn_fig4,
    spsn_fig5,
    spsn_fig6,
    targets,
    training_runs,
)
from spikescan.papers.statistics import Sample
from spikescan.training.folder import RunFolder

pytestmark = pytest.mark.usefixtures("tiny")
PICTURES = {
    "spsn-fig1": 1,
    "spsn-fig2": 1,
    "spsn-table2": 2,
    "spsn-fig4": 1,
    "spsn-fig5": 1,
    "spsn-fig6": 4,
}


@pytest.fixture(autouse=True)
def few_points(monkeypatch):
    monkeypatch.setattr(spsn_fig4, "THETAS", (0.1, 0.4))
    monkeypatch.setattr(spsn_fig4, "QUICK_THETAS", (0.1,))
    monkeypatch.setattr(spsn_fig5, "STEPS", (5, 9))
    monkeypatch.setattr(spsn_fig5, "BATCH", 2)
    monkeypatch.setattr(spsn_fig5, "REPEATS", 3)
    monkeypatch.setattr(spsn_fig6, "TRIALS", 3)


@pytest.fixture
def call(speech, store, tmp_path):
    def run(name, *options, code=0, data=True):
        options = [*options, "--out", tmp_path / "out", "--device", "cpu", "--store", store]
        if data and experiment.find(name).needs:
            options += ["--data", speech]
        result = CliRunner().invoke(cli.app, ["reproduce", name, *map(str, options)])
        assert result.exit_code == code, result.output
        return result

    return run


def rows_of(out):
    with (out / "results.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", PICTURES)
def test_from_the_command_to_the_page(name, call, tmp_path):
    seeds = () if experiment.find(name).alone else ("--seeds", 1)
    found = json.loads(call(name, *seeds, "--json").stdout)
    out = tmp_path / "out"
    assert found["runs"]["all"] == found["runs"]["done"] > 0
    assert found["runs"]["failed"] == []
    assert {path.name for path in out.iterdir()} >= {"results.csv", "report.md", "report.html", "runs"}
    assert len(list(out.glob("*.png"))) == PICTURES[name]
    rows = rows_of(out)
    assert len(rows) == found["runs"]["done"]
    assert all(row["device"] and row["quick"] == "False" for row in rows)
    page, text = (out / "report.html").read_text(), (out / "report.md").read_text()
    assert page.count("data:image/png;base64,") == PICTURES[name]
    assert not re.search(r"(src|href)=\"(?!data:)", page)
    for word in ("Stochastic Parallelizable Spiking Neurons", "Machines", "Settings of all runs", "torch"):
        assert word in page
        assert word in text
    words = re.sub(r"base64,[^\"]*", "", page)  # letters of a picture are no words
    assert "QUICK" not in words
    assert ("OTHER DATA: speech" in page) == (experiment.find(name).needs is not None)
    for claim in targets.of(name).claims:
        assert claim in text


def test_table2_runs_every_cell_under_both_protocols(call, tmp_path):
    found = json.loads(call("spsn-table2", "--seeds", 2, "--json").stdout)
    cells = [one for one in found["comparisons"] if one["quantity"] == "test_accuracy"]
    assert len(cells) == 20
    assert all(one["here"]["n"] == 2 and 0 <= one["here"]["mean"] <= 100 for one in cells)
    assert {one["published"]["value"] for one in cells} == {
        value.value for value in targets.of("spsn-table2").values if value.quantity == "test_accuracy"
    }
    assert all(one["p"] is None and one["difference"] is None for one in found["comparisons"])  # not the paper's data
    runs = {path.name: json.loads((path / "run.json").read_text()) for path in (tmp_path / "out" / "runs").iterdir()}
    held = runs["lif_basic_held-out_seed-1"]["settings"]["recipe"]
    published = runs["lif_basic_published_seed-1"]["settings"]["recipe"]
    assert (held["protocol"]["name"], held["data"]["mask"], held["data"]["pad"]) == ("held-out", True, "right")
    assert (published["protocol"]["name"], published["data"]["mask"], published["data"]["pad"]) == (
        "published",
        False,
        "left",
    )
    assert runs["spsn-sb_augmented-theta-0.4_published_seed-0"]["settings"]["recipe"]["loss"]["rate_limit"] == 0.4
    assert not published["data"]["augment"]
    assert "root" not in published["data"]
    assert all("(--data; not Spiking Heidelberg Digits" in run["data"] for run in runs.values())


@pytest.mark.parametrize(("classes", "outputs"), [(10, 20), (35, 35)])
def test_the_readout_has_a_neuron_for_every_class_and_never_fewer_than_published(classes, outputs, monkeypatch):
    monkeypatch.undo()  # of `tiny`
    found = recordings.Recordings("shd", None, None, "other", False, {"classes": classes})
    options = experiment.Options(seeds=1, quick=False, device="cpu", recordings=found)
    runs = experiment.find("spsn-table2").runs(options)
    assert {run.settings["recipe"]["network"]["outputs"] for run in runs} == {outputs}


def test_a_finished_experiment_is_only_drawn_again(call, tmp_path, monkeypatch):
    call("spsn-fig6")
    before = {path: path.read_text() for path in (tmp_path / "out" / "runs").rglob("run.json")}
    monkeypatch.setattr(runner, "perform", lambda *arguments: pytest.fail("done already"))
    call("spsn-fig6")
    assert {path: path.read_text() for path in before} == before


def test_a_stopped_experiment_goes_on_where_it_was(call, tmp_path, monkeypatch):
    train, begun = training_runs.run.train, []

    def stop(*arguments, **options):
        if len(begun) == 2:
            raise KeyboardInterrupt
        begun.append(1)
        return train(*arguments, **options)

    monkeypatch.setattr(training_runs.run, "train", stop)
    said = call("spsn-fig6", code=130).stderr
    assert "stopped with 2 of 4 runs done; the same command continues" in said
    assert not (tmp_path / "out" / "report.html").exists()
    monkeypatch.setattr(training_runs.run, "train", train)
    said = call("spsn-fig6").stderr
    assert "2 of 4 runs are done already" in said
    assert (tmp_path / "out" / "report.html").exists()


def test_a_diverged_run_is_listed_and_the_page_says_incomplete(call, tmp_path, monkeypatch):
    train = training_runs.run.train

    def diverge(stuff, *arguments, **options):
        if stuff.recipe.neuron.name == "spsn-gs":
            raise TrainingError("epoch 1, step 1: training diverged")
        return train(stuff, *arguments, **options)

    monkeypatch.setattr(training_runs.run, "train", diverge)
    said = call("spsn-fig6", code=1).stderr
    assert "2 runs failed" in said
    assert "spsn-gs_augmented-theta-0.1_published_seed-0_train-and-repeat: epoch 1, step 1: training diverged" in said
    assert "INCOMPLETE: 2 of 4 runs are done" in (tmp_path / "out" / "report.html").read_text()


def test_one_experiment_takes_runs_over_from_another(call, tmp_path):
    call("spsn-table2", "--seeds", 1)
    (tmp_path / "out").rename(tmp_path / "table2")
    said = call("spsn-fig4", "--seeds", 1, "--merge", tmp_path / "table2").stderr
    assert "6 finished runs taken" in said  # LIF augmented, θ 0.4 of SB and 0.1 of GS, both protocols
    assert "6 of 10 runs are done already" in said


def test_machines_share_the_runs_and_merge_them(call, tmp_path):
    call("spsn-fig6", "--share", "1/2")
    assert "INCOMPLETE: 2 of 4 runs" in (tmp_path / "out" / "report.md").read_text()
    (tmp_path / "out").rename(tmp_path / "first")
    call("spsn-fig6", "--share", "2/2", "--merge", tmp_path / "first")
    assert "INCOMPLETE" not in (tmp_path / "out" / "report.md").read_text()


def test_a_folder_serves_one_command_at_a_time(call, tmp_path):
    with RunFolder(tmp_path / "out").held():
        said = call("spsn-fig1", code=2).stderr
    assert "another run is using this folder" in said
    assert not (tmp_path / "out" / "runs").exists()
    call("spsn-fig1")


def test_whiskers_end_where_no_value_can_be():
    axes = Figure().subplots()
    _spsn.bars(axes, 0, Sample(2, 1.0, 3.0), 0.5, "red")
    (low, high) = axes.containers[1].errorbar.lines[2][0].get_segments()[0][:, 1]
    assert (low, high) == (0, 4)


def test_quick_is_marked_everywhere(call, tmp_path):
    shown = call("spsn-fig4", "--quick", "--seeds", 1)
    assert "QUICK" in shown.stderr
    assert "Test accuracy (quick, other data)" in shown.stdout
    out = tmp_path / "out"
    assert "QUICK" in (out / "report.html").read_text()
    assert "QUICK" in (out / "report.md").read_text()
    assert all(row["quick"] == "True" for row in rows_of(out))
    with pytest.raises(AssertionError, match=r"begun with other settings .*data.limit"):
        call("spsn-fig4", "--seeds", 1)


def test_without_the_data_it_says_how_to_get_them(call, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "empty"))
    said = call("spsn-table2", data=False, code=2).stderr
    assert "shd" in said
    assert "--root" in said


def test_other_recordings_are_not_taken_for_the_published_ones(call, speech):
    said = call("spsn-table2", "--root", speech, data=False, code=2).stderr
    assert "not Spiking Heidelberg Digits (SHD)" in said
    assert "--data DIR" in said


def test_quick_without_data_uses_the_built_in_digits_and_says_so(monkeypatch, tmp_path):
    opened = []

    def fake(name, *arguments, **options):
        opened.append(name)
        if name == "shd":
            raise recordings.InputError("get it")
        return recordings.Recordings(name, None, None, arguments[2], False, {})

    monkeypatch.setattr(recordings, "_open", fake)
    found = recordings.choose("shd", root=None, data=None, store=None, quick=True)
    assert opened == ["shd", "digits"]
    assert not found.published
    assert "not Spiking Heidelberg Digits" in found.label


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["spsn-fig9"], "spsn-fig9: unknown, choose from mpe-fig1"),
        (["spsn-fig5", "--jobs", "2"], "measures time"),
        (["spsn-fig5", "--seeds", "2"], "leave --seeds out"),
        (["spsn-fig1", "--root", "."], "needs no data"),
        (["spsn-fig1", "--share", "3/2"], "--share 3/2: expected PART/PARTS"),
        (["spsn-fig1", "--share", "2/2"], "there are 1 runs, of which this machine would get none"),
        (["spsn-fig1", "--seeds", "0"], "--seeds is 0"),
        (["spsn-table2", "--root", ".", "--data", "."], "give one of them"),
        ([], "--list"),
    ],
)
def test_wrong_usage(options, message, tmp_path):
    result = CliRunner().invoke(cli.app, ["reproduce", *options, *(["--out", str(tmp_path)] if options else [])])
    assert result.exit_code == 2
    assert message in result.output


def test_list():
    result = CliRunner().invoke(cli.app, ["reproduce", "--list", "--json"])
    assert result.exit_code == 0
    assert {one["name"] for one in json.loads(result.stdout)} >= set(PICTURES)
