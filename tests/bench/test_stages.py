"""Stages end in time, with all that they start, and whatever one does, its log and the next one are there."""

import os
import sys
import time

import pytest

from spikescan.bench.stages import FAILED, LATE, PASSED, Log, Stage, perform


@pytest.fixture
def run(tmp_path):
    def perform_python(*texts, seconds=60.0, **options):
        stage = Stage("stage", seconds, [[sys.executable, "-c", text] for text in texts], **options)
        log = Log(tmp_path / "log.txt")
        return perform(stage, seconds, tmp_path, dict(os.environ), log), log.path.read_text()

    return perform_python


def test_what_is_said_is_logged_with_the_second(run):
    outcome, log = run("import sys; print('one'); print('two', file=sys.stderr)")
    assert (outcome.verdict, outcome.is_fault, outcome.note) == (PASSED, False, "")
    assert {line.partition("] ")[2] for line in log.splitlines()} == {"one", "two"}
    assert log.startswith("[")


def test_a_command_that_fails_is_a_fault(run):
    outcome, log = run("print('fine')", "raise SystemExit('it broke')")
    assert (outcome.verdict, outcome.is_fault) == (FAILED, True)
    assert "2: it broke" in log
    assert "1: fine" in log


@pytest.mark.parametrize("may_be_cut", [False, True])
def test_an_overrun_is_interrupted_and_may_write_down_what_it_has(run, may_be_cut):
    text = """
import time
print("measured", flush=True)
try:
    time.sleep(60)
except KeyboardInterrupt:
    print("kept")
"""
    outcome, log = run(text, seconds=3.0, may_be_cut=may_be_cut)
    assert (outcome.verdict, outcome.is_fault) == (LATE, not may_be_cut)
    assert 3 <= outcome.seconds < 12
    assert "measured" in log
    assert "kept" in log


def test_what_a_stage_started_ends_with_it(run, tmp_path):
    """And what does not heed an interrupt is killed."""
    beat = f"""
import signal, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
while True:
    open({str(tmp_path / "beat")!r}, "a").write("x")
    time.sleep(0.05)
"""
    outcome, _ = run(f"import subprocess, sys; subprocess.run([sys.executable, '-c', {beat!r}])", seconds=2.0)
    assert outcome.verdict == LATE
    before = (tmp_path / "beat").stat().st_size
    time.sleep(0.5)
    assert (tmp_path / "beat").stat().st_size == before > 0


def test_tests_are_counted_and_those_that_failed_are_named(run):
    lines = "a/t.py::test_x[(1, 2)] PASSED [ 3%]\\na/t.py::test_y FAILED\\na/t.py::test_z SKIPPED (why)\\nFAILED a/t.py"
    outcome, _ = run(f"print('{lines}')", "print('b/u.py::test_v PASSED')")
    assert outcome.note == "2 passed, 1 failed, 1 skipped: t.py::test_y"


def test_each_command_finds_its_part(run):
    _, log = run(*["import os; print(os.environ['TEST_PART'])"] * 2)
    assert {"1: 1/2", "2: 2/2"} == {line.partition("] ")[2] for line in log.splitlines()}
