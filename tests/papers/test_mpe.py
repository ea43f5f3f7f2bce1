"""The experiments of the MPE-PSN paper from the command to the page, on generated recordings and tiny networks."""

import csv
import json

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import spikescan as ss
from spikescan import cli
from spikescan.data.cameras import _bytes
from spikescan.papers import _generated, _mpe, mpe_fig1, mpe_fig3, mpe_fig4, recordings, targets, training_runs

PICTURES = {
    "mpe-fig1": ["figure1"],
    "mpe-fig3": ["figure3-published", "figure3-held-out"],
    "mpe-fig4": ["figure4-published", "figure4-held-out"],
    "mpe-table1": ["table1"],
    "mpe-table2": ["table2"],
}
RUNS = {"mpe-fig1": 4, "mpe-fig3": 8, "mpe-fig4": 4, "mpe-table1": 10, "mpe-table2": 2}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Where generated sets and their stores are, for all tests of this file."""
    return tmp_path_factory.mktemp("generated")


@pytest.fixture(autouse=True)
def tiny(monkeypatch, place):
    write = _generated.write
    monkeypatch.setattr(recordings._generated, "write", lambda name, folder: write(name, place / name))
    monkeypatch.setattr(_generated, "EVENTS", 60)
    monkeypatch.setattr("spikescan.training.pictures.of_run", lambda *arguments, **options: [])
    monkeypatch.setattr(_mpe, "QUICK", _mpe.QUICK | {"training.epochs": 2, "data.limit": 2})
    small = {"network.width": 2, "network.size": 32}
    monkeypatch.setattr(_mpe, "TINY", {name: small | {} for name in _mpe.TINY} | {"cifar10": {"network.width": 2}})
    monkeypatch.setitem(_mpe.TINY, "nmnist", {"network.plan": [2, "max", 2, "max"]})
    for name in ("dvsgesture", "ncaltech101"):
        monkeypatch.setitem(_mpe.TINY, name, small | {"network.hidden": [8]})
    monkeypatch.setattr(mpe_fig1, "STEPS", (4, 64))
    monkeypatch.setattr(mpe_fig1, "NEURONS", (8, 1024))
    monkeypatch.setattr(mpe_fig1, "QUICK_REPEATS", 2)
    monkeypatch.setattr(mpe_fig4, "QUICK_PLANE", {"points": 3, "reach": 0.5, "each": 1})


@pytest.fixture
def call(place, tmp_path):

    def run(name, *options, code=0):
        options = [*options, "--out", tmp_path / "out", "--device", "cpu", "--store", place / "store"]
        result = CliRunner().invoke(cli.app, ["reproduce", name, *map(str, options)])
        assert result.exit_code == code, result.output
        return result

    return run


@pytest.mark.parametrize("name", PICTURES)
def test_quick_without_data_from_the_command_to_the_page(name, call, tmp_path):
    found = json.loads(call(name, "--quick", "--json").stdout)
    out = tmp_path / "out"
    assert found["runs"] == {"all": RUNS[name], "done": RUNS[name], "failed": []}
    assert {path.stem for path in out.glob("*.png")} == set(PICTURES[name])
    assert not found["comparable"]
    page = (out / "report.html").read_text()
    assert page.count("data:image/png;base64,") == len(PICTURES[name])
    for word in ("QUICK", "Time-independent Spiking Neuron", "Machines", "Settings of all runs"):
        assert word in page
    with (out / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == RUNS[name]
    if name != "mpe-fig1":
        assert "OTHER DATA: generated, in " in page
        assert all("generated" in row["data"] for row in rows)
        assert "is what the paper reports" in page  # the two protocols
        assert ("κ falls, by its own gradient" in page) == (name == "mpe-fig3")
        assert ("loss.estimation_floor = true" in page) == (name == "mpe-table2")
    if name == "mpe-table1":
        assert_every_cell_of_table1(found, out)


def assert_every_cell_of_table1(found, out):
    published = targets.of("mpe-table1").values
    for quantity in ("best_test_accuracy", "test_accuracy"):
        cells = [one for one in found["comparisons"] if one["quantity"] == quantity]
        shown = {one["published"]["value"] for one in cells if one["labels"]["protocol"] == "published"}
        assert shown == {one.value for one in published if one.quantity == quantity}
        assert all(one["difference"] is None for one in cells)
    runs = {path.name: json.loads((path / "run.json").read_text()) for path in (out / "runs").iterdir()}
    recipe = runs["cifar10dvs_4_published_seed-0"]["settings"]["recipe"]
    assert (recipe["data"]["frames"], recipe["data"]["frame_by"], recipe["network"]["kind"]) == (4, "number", "vgg")
    held = runs["dvsgesture_16_held-out_seed-0"]["settings"]["recipe"]
    assert (held["protocol"]["name"], held["neuron"]["estimate"]) == ("held-out", "current")
    assert set(runs["ncaltech101_10_published_seed-0"]["settings"]["recordings"]) >= {"train", "test", "classes"}


def test_published_settings_are_those_of_the_paper_without_quick(place):
    parts = {
        name: recordings.Recordings(name, None, None, name, True, {})
        for name in ("dvsgesture", "cifar10dvs", "ncaltech101")
    }
    every = recordings.Recordings("three", None, None, "three", True, {}, parts)
    options = mpe_fig3.Options(seeds=2, quick=False, device="cuda", recordings=every)
    from spikescan.papers import mpe_table1

    made = {run.key: run.settings["recipe"] for run in mpe_table1.EXPERIMENT.runs(options)}
    assert len(made) == 5 * 2 * 2
    gesture, four, eight, ten = (
        made[f"{key}_published_seed-1"] for key in ("dvsgesture_16", "cifar10dvs_4", "cifar10dvs_8", "cifar10dvs_10")
    )
    assert (gesture["training"]["epochs"], gesture["training"]["precision"]) == (230, "16")
    assert [one["training"]["mixup"] for one in (gesture, four, eight, ten)] == [0.5, 0.0, 0.5, 0.5]
    assert gesture["protocol"]["drop_last"]
    assert not made["dvsgesture_16_held-out_seed-1"]["protocol"]["drop_last"]
    assert [one["data"]["frames"] for one in (gesture, four, eight, ten)] == [16, 4, 8, 10]
    assert made["ncaltech101_10_held-out_seed-0"]["loss"]["estimation_weight"] == 0


def write_nmnist(root):
    rng = np.random.default_rng(0)
    for split, each in (("Train", 12), ("Test", 2)):
        for label in range(3):
            (root / split / str(label)).mkdir(parents=True)
            for number in range(each):
                content = _bytes.atis_bytes(*_generated.spot(rng, label, 3, 34, 34))
                (root / split / str(label) / f"{number:05}.bin").write_bytes(content)
    return root


def test_figure3_on_other_recordings_in_either_layout(call, tmp_path):
    found = json.loads(call("mpe-fig3", "--quick", "--data", write_nmnist(tmp_path / "mine"), "--json").stdout)
    assert found["data"] == "mine (--data; N-MNIST's layout, not DVS128 Gesture)"
    rates = [one for one in found["comparisons"] if one["quantity"] == "spike_rate"]
    assert {one["labels"]["layer"] for one in rates} == {1, 2}
    assert all(one["published"] is None for one in rates)
    run = json.loads((tmp_path / "out/runs/mpe-psn_with-l-mem_published_seed-0_train-and-watch/run.json").read_text())
    values, recipe = run["values"], run["settings"]["recipe"]
    assert recipe["data"]["name"] == "nmnist"
    for name in (mpe_fig3.ESTIMATE, mpe_fig3.MEMBRANE, "kappa", "accuracy"):
        assert len(values[name]) == 2
        assert all(value >= 0 for value in values[name])
    assert len(values["spike_rate"]) == 2
    assert values["best_test_accuracy"] == max(values["accuracy"])


def test_every_set_has_both_protocols_whatever_its_recipe_has(place):
    """N-MNIST's own recipe is held-out; figure 3 asks for the published protocol as well."""
    found = recordings.Recordings("nmnist", None, None, "other", False, {})
    options = mpe_fig3.Options(seeds=1, quick=False, device="cpu", recordings=found)
    for run in mpe_fig3.runs(options):
        protocol = run.settings["recipe"]["protocol"]
        assert protocol["name"] == run.labels["protocol"]
        assert (protocol["test"] == "every-epoch") == protocol["drop_last"] == (protocol["name"] == "published")


def test_missing_sets_are_all_named_with_their_files(call, tmp_path):
    said = call("mpe-table1", "--root", tmp_path / "nothing", code=2).stderr
    for word in (
        "DIR/dvsgesture",
        "DIR/cifar10dvs",
        "DIR/ncaltech101",
        "airplane.zip",
        "0afd5c4bf9ae06af762a77b180354fdd",
    ):
        assert word in said.replace("\n", " ") or word in said
    said = call("mpe-table2", code=2).stderr
    assert "c32a1d4ab5d03f1284b67883e8d87530" in said
    assert "spikescan data fetch cifar10" in " ".join(said.split())


def test_a_small_set_is_not_taken_for_the_published_one(call, place):
    root = _generated.write("cifar10dvs", place / "cifar10dvs")
    said = " ".join(call("mpe-fig4", "--root", root, code=2).stderr.split())
    assert "not CIFAR10-DVS, which has (9000, 1000)" in said
    assert "--data DIR" in said


def test_quick_takes_what_is_there_and_generates_the_rest(place, tmp_path):
    root = tmp_path / "sets"
    root.mkdir()
    (root / "cifar10dvs").symlink_to(_generated.write("cifar10dvs", place / "cifar10dvs"))
    needed = ("dvsgesture", "cifar10dvs")
    found = recordings.choose(needed, root=None, data=root, store=tmp_path / "s", quick=True, out=tmp_path)
    assert found.of("cifar10dvs").label == "cifar10dvs (--data; not CIFAR10-DVS)"
    assert found.of("dvsgesture").label == "generated, in DVS128 Gesture's format (not DVS128 Gesture)"
    assert not found.published
    assert found.mark == "generated data"


@pytest.mark.parametrize("option", ["--root", "--data"])
@pytest.mark.parametrize(("name", "message"), [("nothing", "no such folder"), ("", "holds none of the folders dvsg")])
def test_quick_does_not_pass_over_a_folder_that_is_named(call, tmp_path, option, name, message):
    said = " ".join(call("mpe-table1", "--quick", option, tmp_path / name, code=2).stderr.split())
    assert message in said
    assert option in said


def test_the_timed_loop_is_the_vanilla_lif():
    x = torch.randn(9, 1, 20, dtype=torch.float64, requires_grad=True)
    cotangent = torch.randn_like(x)
    ours = ss.LIF.vanilla(0.25, backend="reference")(x)
    loop = mpe_fig1.lif_loop(x)
    assert torch.equal(ours, loop)
    assert 0 < loop.mean() < 1
    (expected,), (found,) = (torch.autograd.grad(out, x, cotangent) for out in (ours, loop))
    torch.testing.assert_close(found, expected)


def test_figure1_takes_the_ratio_of_medians():
    times = {(name, 64, 1024): [2.0, factor, 100.0] for name, factor in zip(mpe_fig1.LAYERS, (8.0, 4.0, 3.0, 2.0))}
    (one,) = mpe_fig1._ratios(times, mpe_fig1.LOOP, mpe_fig1.OURS, True)
    assert (one.ours.mean, one.target.value) == (4.0, 44)
    (fused,) = mpe_fig1._ratios(times, mpe_fig1.FUSED, mpe_fig1.OURS, True)
    assert (fused.ours.mean, fused.target) == (2.0, None)


def test_history_reads_what_a_run_wrote(tmp_path):
    (tmp_path / "training").mkdir()
    (tmp_path / "training" / "metrics.csv").write_text("epoch,test_accuracy\n1,\n2,0.5\n")
    place = training_runs.Workplace(tmp_path, None, "cpu", print)
    assert training_runs.history(place) == [{"epoch": 1, "test_accuracy": None}, {"epoch": 2, "test_accuracy": 0.5}]


def test_a_mean_over_runs_hides_no_gap():
    assert _mpe.mean_curve([[1.0, 2.0], [3.0, 6.0]]) == [2.0, 4.0]
    assert np.isnan(_mpe.mean_curve([[1.0, None], [3.0, 6.0]])).tolist() == [False, True]
