"""Runs that are done once and kept, whatever happens to the others."""

import json
import time

import paper_work as work
import pytest

from spikescan.errors import InputError
from spikescan.papers import records, runner
from spikescan.papers.experiment import Run
from spikescan.papers.progress import Display
from spikescan.papers.runner import Site


def runs(function=work.square, count=3, **settings):
    return [Run(f"run-{x}", function, {"x": x, "nested": {"a": 1}, **settings}, {"x": x}) for x in range(count)]


def calls(site, run):
    return (records.folder(site.out, run.key) / "calls").read_text()


def test_results_are_kept_with_their_settings_and_origin(site, display):
    found = runner.execute(runs(), site, display)
    assert [found[f"run-{x}"].values for x in range(3)] == [{"square": 0}, {"square": 1}, {"square": 4}]
    kept = json.loads((site.out / "runs" / "run-2" / "run.json").read_text())
    assert kept["status"] == "done"
    assert kept["settings"] == {"x": 2, "nested": {"a": 1}}
    assert kept["versions"]["spikescan"]
    assert kept["device"]
    assert kept["seconds"] >= 0
    assert "squaring 2" in (site.out / "runs" / "run-2" / "log.txt").read_text()
    assert not list(site.out.rglob("*.tmp"))


def test_what_is_done_is_not_done_again(site, display):
    runner.execute(runs(count=2), site, display)
    finished = records.survey(site.out, runs(), overwrite=False)
    assert list(finished) == ["run-0", "run-1"]


def test_a_started_run_counts_as_not_done(site, display):
    run = runs()[0]
    records.write(site.out, records.Record(key=run.key, status="started", settings=run.settings))
    assert records.survey(site.out, [run], overwrite=False) == {}


def test_changed_settings_are_named(site, display):
    runner.execute(runs(), site, display)
    changed = [Run(run.key, run.work, run.settings | {"nested": {"a": 2}}, run.labels) for run in runs()]
    with pytest.raises(InputError, match=r"run-0.*nested\.a is 1, asked is 2.*--overwrite"):
        records.survey(site.out, changed, overwrite=False)
    with pytest.raises(InputError, match="more is absent, asked is 5"):
        records.survey(site.out, runs(more=5), overwrite=False)


def test_overwrite_does_again_only_what_has_changed(site, display):
    runner.execute(runs(), site, display)
    asked = [*runs()[:2], Run("run-2", work.square, {"x": 5}, {})]
    finished = records.survey(site.out, asked, overwrite=True)
    assert list(finished) == ["run-0", "run-1"]
    assert not records.folder(site.out, "run-2").exists()


def test_a_run_that_fails_leaves_the_others_and_is_tried_again(site, display):
    mixed = [runs()[0], Run("bad", work.diverge, {}, {}), Run("worse", work.mistake, {}, {}), runs()[2]]
    found = runner.execute(mixed, site, display)
    assert [found[run.key].status for run in mixed] == ["done", "failed", "failed", "done"]
    assert found["bad"].error == "epoch 3: training diverged"
    assert "KeyError" in found["worse"].error
    assert "Traceback" in (records.folder(site.out, "worse") / "log.txt").read_text()
    assert list(records.survey(site.out, mixed, overwrite=False)) == ["run-0", "run-2"]
    (site.out / "mended").touch()
    assert runner.execute([mixed[1]], site, display)["bad"].status == "done"


def test_ctrl_c_ends_it_and_keeps_what_was_done(site, display):
    with pytest.raises(KeyboardInterrupt):
        runner.execute([runs()[0], Run("stop", work.interrupted, {}, {}), runs()[2]], site, display)
    assert list(records.survey(site.out, runs(), overwrite=False)) == ["run-0"]


def test_side_by_side_a_crash_takes_no_other_run_with_it(tmp_path):
    site = Site(tmp_path, None, "cpu", jobs=2)
    mixed = [runs()[1], Run("crash", work.crash, {}, {}), runs()[2]]
    with Display(3, 0) as display:
        found = runner.execute(mixed, site, display)
    assert [found[run.key].status for run in mixed] == ["done", "failed", "done"]
    assert "ended with code 7" in found["crash"].error
    assert found["run-2"].values == {"square": 4}
    assert found["run-2"].jobs == 2
    assert calls(site, mixed[2]) == "x"


def test_side_by_side_stops_at_ctrl_c(tmp_path, monkeypatch):
    site = Site(tmp_path, None, "cpu", jobs=2)

    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(runner.connection, "wait", interrupt)
    since = time.monotonic()
    with Display(2, 0) as display, pytest.raises(KeyboardInterrupt):
        runner.execute([Run(f"slow-{k}", work.slow, {}, {}) for k in range(2)], site, display)
    assert time.monotonic() - since < 30


def test_a_damaged_record_is_named(site, display):
    runner.execute(runs(), site, display)
    (site.out / "runs" / "run-1" / "run.json").write_text("{")
    with pytest.raises(InputError, match=r"run-1.run\.json: not a run's record"):
        records.survey(site.out, runs(), overwrite=False)


@pytest.fixture
def other(tmp_path, display):
    elsewhere = Site(tmp_path / "other", None, "cpu")
    runner.execute(runs()[1:], elsewhere, display)
    return elsewhere.out


def test_merge_takes_what_is_missing(site, display, other):
    runner.execute(runs(count=2), site, display)
    said = []
    records.merge(site.out, other, runs(), said.append)
    assert list(records.survey(site.out, runs(), overwrite=False)) == ["run-0", "run-1", "run-2"]
    assert said == [f"{other}: 1 finished runs taken"]


def test_merge_refuses_other_settings_versions_and_folders(site, other, tmp_path):
    with pytest.raises(InputError, match=r"--merge .*run-1 has other settings .more is absent, asked is 3"):
        records.merge(site.out, other, runs(more=3), print)
    for run in runs()[1:]:
        record = records.read(other, run.key)
        records.write(other, record.model_copy(update={"versions": {"spikescan": "0.0.1"}}))
    with pytest.raises(InputError, match=r"is of spikescan 0\.0\.1"):
        records.merge(site.out, other, runs(), print)
    with pytest.raises(InputError, match="not the output folder"):
        records.merge(site.out, tmp_path / "nothing", runs(), print)
    assert not site.out.exists()
