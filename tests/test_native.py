"""The library of CPU kernels: instruction sets, threads, forked processes, and where it is missing or another's."""

import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import native_jobs
import pytest
import torch
from tolerances import assert_close

import spikescan
from spikescan import native

pytestmark = [
    pytest.mark.skipif(native.missing() is not None, reason="there are no CPU kernels to test"),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="jobs are forks of one process that has imported torch"),
]

LEVELS = list(native.LEVELS.values())
BEST = native.LEVELS.get(torch.backends.cpu.get_cpu_capability())
ISAS = LEVELS[: LEVELS.index(BEST) + 1] if BEST in LEVELS else []  # of x86-64; elsewhere there is one, unnamed
LINUX = sys.platform == "linux"


@pytest.fixture(scope="module")
def best(forks):
    return results_of(forks(native_jobs.everything, SPIKESCAN_ISA=BEST))


@pytest.fixture(scope="module")
def forked(forks):
    return results_of(forks(native_jobs.forked))


@pytest.fixture(scope="module")
def without(forks, tmp_path_factory):
    """Two ways to have no kernels: an empty folder, and one of files that are no library."""
    empty, broken = (tmp_path_factory.mktemp(name) for name in ("empty", "broken"))
    for isa in (*LEVELS, "baseline"):
        (broken / f"kernels-{isa}.so").write_text("no library")
    return {folder.name[:-1]: forks(native_jobs.missing, SPIKESCAN_KERNELS=folder) for folder in (empty, broken)}


def results_of(job: SimpleNamespace):
    assert (job.raised, job.ended) == (None, 0), job.said
    return job.results


@pytest.mark.skipif(len(ISAS) < 2, reason="this processor has one instruction set that there are kernels for")
@pytest.mark.parametrize("isa", ISAS[:-1])
def test_every_instruction_set_gives_the_same(isa, best, forks):
    found, expected = results_of(forks(native_jobs.everything, SPIKESCAN_ISA=isa)), best
    assert found.keys() == expected.keys()
    for what, value in found.items():
        assert value.isfinite().all(), what
        if what == "draws" or what.endswith(": spikes"):
            assert torch.equal(value, expected[what]), what
        else:
            steep = "gradient" in what and any(word in what for word in ("threshold", "delta"))  # fast_sigmoid, 100
            floor = 1 if steep and value.dtype == torch.float32 else 1e-2
            assert_close(value, expected[what], what, tolerance=2e-3 if "half" in what else None, floor=floor)


@pytest.mark.skipif(not ISAS, reason="this processor has one instruction set that there are kernels for")
def test_a_wrong_instruction_set_is_named(forks):
    job = forks(native_jobs.everything, SPIKESCAN_ISA="v9")
    assert job.raised.endswith(f"SPIKESCAN_ISA: v2 to {BEST} can be chosen on this processor, found 'v9'")


def test_one_thread_and_two_give_the_same_bits():
    found = []
    for count in (1, 2):
        with native_jobs.threads(count):
            found.append(native_jobs.everything(200, 5, 77))
    assert [what for what, value in found[0].items() if not torch.equal(value, found[1][what])] == []


@pytest.mark.skipif(not LINUX, reason="what a process has loaded is read from Linux's /proc")
def test_a_forked_process_neither_hangs_nor_crashes(forked):
    """After its parent ran kernels on two threads; and the workers of a loader."""
    assert forked["child"] == 0
    assert forked["loaded"]


@pytest.mark.skipif(not LINUX, reason="what a process has loaded is read from Linux's /proc")
def test_the_openmp_runtime_is_torchs(forked):
    assert len(forked["libraries"]) == 1


@pytest.mark.parametrize("job", ["empty", "broken"])
def test_without_kernels_auto_takes_the_reference_and_says_so_once(job, without):
    job = without[job]
    results = results_of(job)
    assert all(torch.equal(*pair) for pair in zip(results["auto"], results["reference"], strict=True))
    assert job.said.count("spikescan:") == 1
    assert "CPU kernels" in job.said


def test_without_kernels_an_explicit_backend_says_what_to_install(without):
    results = results_of(without["empty"])
    for call in ("scan", "neuron"):
        assert results[call].startswith("backend: the CPU kernels of spikescan are not installed")
        assert "install a C++ compiler" in results[call]


def test_kernels_that_cannot_be_loaded_say_why(without):
    results = results_of(without["broken"])
    for call in ("scan", "neuron"):
        assert results[call].startswith("backend: the CPU kernels of spikescan cannot be loaded: ")


def test_kernels_of_another_version_are_refused(monkeypatch):
    """Those whose struct is shorter than the header says."""

    class Longer(native._structs()["Leaky"]):
        _fields_ = (("more", ctypes.c_int64),)

    sizes = [ctypes.sizeof(kind) for kind in (native._structs()["Leaky"], Longer)]
    monkeypatch.setattr(native, "_structs", lambda: {"Leaky": Longer})
    with pytest.raises(ValueError, match=rf"another version .*forward: {sizes[0]} bytes .*, not {sizes[1]}"):
        native.operation("forward", "Leaky")({})


def test_kernels_without_their_header_are_refused(monkeypatch):
    monkeypatch.setattr(native, "HEADER", "no-such-header.h")
    with pytest.raises(ValueError, match=r"another version .*no-such-header"):
        native._structs.__wrapped__()


def test_an_operand_that_a_kernel_does_not_know_is_refused():
    with pytest.raises(AttributeError, match="more"):
        native.operation("forward", "Leaky")({"more": 1})


def test_structs_are_those_of_the_header():
    fields = dict(native._structs()["Targets"]._fields_)
    assert fields == {
        "rows": ctypes.c_int64,
        **dict.fromkeys(("factor", "shift", "start", "first", "number"), ctypes.c_void_p),
    }
    kinds = dict(native._structs()["Leaky"]._fields_)
    assert [kinds[name] for name in ("wide", "a", "decay_syn", "grad_potential")] == [
        ctypes.c_int32,
        ctypes.c_double,
        ctypes.c_void_p,
        ctypes.c_void_p,
    ]


@pytest.mark.skipif(not LINUX or shutil.which("ldd") is None, reason="ldd says what a library of Linux needs")
def test_the_library_needs_neither_an_openmp_nor_a_cpp_runtime():
    paths = [path for folder in spikescan.__path__ for path in Path(folder).glob("kernels-*.so")]
    assert paths
    for path in paths:
        needed = subprocess.run(["ldd", str(path)], capture_output=True, text=True, check=True).stdout
        assert "libc.so" in needed
        assert not any(name in needed for name in ("libgomp", "libomp", "libstdc++", "libc++", "libtorch", "libpython"))
