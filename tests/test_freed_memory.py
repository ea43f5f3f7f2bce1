"""`import spikescan` lets the process keep the memory that it frees, each time in a process of its own."""

import os
import subprocess
import sys

import pytest

from spikescan import memory

FRESH = 5 * 2**24 * 4 // os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 0
"""Page faults of the five arrays that `COUNT` counts, if the memory of each is new."""
COUNT = """
import resource, torch
def faults(): return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20): torch.ones(2**24)  # small objects settle in the first places that are freed
before = faults()
for _ in range(5): torch.ones(2**24)
print(faults() - before)
"""
on_glibc = pytest.mark.skipif(not memory.settable(), reason="an option of glibc")


def run(program: str, **variables: str) -> str:
    """What it prints, with `variables` in the environment and no others that matter here."""
    environment = {name: value for name, value in os.environ.items() if name not in (memory.KEEP, memory.HUGE_PAGES)}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment | variables)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def faults(first: str, **variables: str) -> int:
    """With small pages, of which a fresh array has most."""
    return int(run(first + COUNT, **{memory.HUGE_PAGES: "0"} | variables))


@on_glibc
@pytest.mark.parametrize(
    "first",
    [
        "import spikescan",
        "import torch; torch.ones(2**24); import spikescan",
        "import os, spikescan\nif os.fork(): raise SystemExit(os.waitstatus_to_exitcode(os.wait()[1]))",
    ],
    ids=["at once", "after torch's first arrays", "in a forked process"],
)
def test_freed_memory_is_used_again(first):
    assert faults(first) < 1000 < FRESH / 10


@on_glibc
def test_freed_memory_is_given_back_where_the_environment_says_so():
    assert faults("import spikescan", **{memory.KEEP: "0"}) > FRESH / 2


@on_glibc
def test_a_program_can_decide_later():
    assert faults("import spikescan; spikescan.keep_freed_memory()", **{memory.KEEP: "0"}) < 1000


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, "1"),
        ({memory.KEEP: "1"}, "1"),
        ({memory.KEEP: "0"}, "None"),
        ({memory.HUGE_PAGES: "0"}, "0"),
        ({memory.KEEP: "0", memory.HUGE_PAGES: "1"}, "1"),
    ],
)
def test_huge_pages_are_asked_for_with_it(variables, expected):
    program = f"import os, spikescan; print(os.environ.get({memory.HUGE_PAGES!r}))"
    assert run(program, **variables) == expected


def test_the_environment_says_0_or_1(monkeypatch):
    monkeypatch.setenv(memory.KEEP, "no")
    with pytest.raises(ValueError, match=r"^SPIKESCAN_KEEP_FREED_MEMORY: 0 or 1 is needed, found 'no'"):
        memory.refused()
    monkeypatch.setenv(memory.KEEP, "")
    assert not memory.refused()


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_other_systems_are_left_alone(monkeypatch, platform):
    monkeypatch.setattr("sys.platform", platform)
    monkeypatch.setattr("ctypes.CDLL", None)  # to call it raises, as it does on Windows
    memory.keep_freed_memory()
    memory.return_freed_memory()
    assert not memory.settable()


def test_musl_has_no_such_options(monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("ctypes.CDLL", lambda name: object())
    memory.keep_freed_memory()
    memory.return_freed_memory()
    assert not memory.settable()
