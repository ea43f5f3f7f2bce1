"""`spikescan info`: what it says, and that it says so too where something is missing."""

import json

import pytest
import torch
from typer.testing import CliRunner

from spikescan import cli, info, memory, native
from spikescan.scan._select import AUTO, BACKENDS, resolve

NO_KERNELS = "no kernels here"


def command(*options):
    result = CliRunner().invoke(cli.app, ["info", *options])
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def kernels(monkeypatch):
    monkeypatch.setattr(native, "missing", lambda: None)


@pytest.fixture
def no_kernels(monkeypatch):
    monkeypatch.setattr(native, "missing", lambda: NO_KERNELS)


def test_json_is_what_describe_returns():
    assert json.loads(command("--json")) == info.describe()


@pytest.mark.usefixtures("kernels")
def test_the_table_has_all_of_it():
    found, shown = info.describe(), command()
    for value in (*found["versions"].values(), *found["devices"].values(), *found["cpu"].values()):
        assert isinstance(value, bool) or (value is None and "not installed" in shown) or str(value) in shown
    for row in found["auto"]:
        assert all(value in shown for value in row.values())
    assert "shared with torch" in shown or "one thread" in shown


def test_every_backend_but_auto_is_listed():
    assert {"auto", *info.describe()["backends"]} == set(BACKENDS)


@pytest.mark.usefixtures("no_kernels")
def test_missing_kernels():
    found = info.describe()
    assert found["backends"]["native"] == {"available": False, "reason": NO_KERNELS}
    cpu = [row for row in found["auto"] if row["device"] == "cpu"]
    assert {row["backend"] for row in cpu} == {"reference"}
    assert all("native is not available" in row["reason"] for row in cpu)
    assert NO_KERNELS in command()


@pytest.mark.parametrize("state", ["kernels", "no_kernels"])
@pytest.mark.parametrize("dtype", info.DTYPES)
@pytest.mark.parametrize("device", ["cpu", "cuda", "meta"])
def test_auto_is_what_a_neuron_takes(state, dtype, device, request):
    request.getfixturevalue(state)
    missing = {"native": native.missing(), "triton": None}
    expected = resolve("auto", torch.device(device), dtype)
    assert info._auto(device, dtype, missing)["backend"] == expected


@pytest.mark.usefixtures("no_kernels")
def test_nothing_is_printed_beside_the_result(capfd):
    """Neurons say that kernels are missing; the command has a place for it."""
    info.describe()
    assert capfd.readouterr() == ("", "")


def test_every_dtype_with_kernels_is_listed():
    assert {dtype for _, dtype in AUTO} <= set(info.DTYPES)


def test_a_machine_with_a_gpu(monkeypatch):
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: torch.device("cuda"))
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: f"card {index}")
    monkeypatch.setattr(info, "_triton_version", lambda: "9.9")
    found = info.describe()
    assert found["devices"].keys() == {"cpu", "cuda:0", "cuda:1"}
    assert found["devices"]["cuda:1"] == "card 1"
    assert found["versions"]["triton"] == "9.9"
    assert found["backends"]["triton"] == {"available": True, "reason": None}
    chosen = {row["dtype"]: row["backend"] for row in found["auto"] if row["device"] == "cuda"}
    assert chosen == {"float32": "triton", "float16": "triton", "bfloat16": "triton", "float64": "reference"}


def test_why_there_is_no_triton(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(info, "_triton_version", lambda: None)
    assert info._why_missing("triton") == "triton is not installed"
    monkeypatch.setattr(info, "_triton_version", lambda: "9.9")
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    assert "sees no CUDA device" in info._why_missing("triton")
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    assert info._why_missing("triton") is None


def test_threads_are_torchs(two_threads):
    torch.set_num_threads(1)
    assert info.describe()["cpu"]["threads"] == 1


def test_openmp_that_is_not_found(monkeypatch):
    monkeypatch.setattr(native, "openmp", lambda: None)
    assert info.describe()["cpu"]["openmp_shared_with_torch"] is False
    assert "none found: one thread" in command()


@pytest.mark.parametrize(
    ("wish", "settable", "kept", "reason"),
    [
        ("1", True, True, "the default"),
        ("0", True, False, "SPIKESCAN_KEEP_FREED_MEMORY=0"),
        ("1", False, False, "the allocator of this system has no such option"),
    ],
)
def test_freed_memory(monkeypatch, wish, settable, kept, reason):
    monkeypatch.setenv(memory.KEEP, wish)
    monkeypatch.setattr(memory, "settable", lambda: settable)
    found = info.describe()["memory"]
    assert (found["freed_memory_kept"], found["reason"]) == (kept, reason)
    assert f"{'kept' if kept else 'not kept'} ({reason})" in command()


def test_the_instruction_set_is_forced(monkeypatch):
    monkeypatch.setattr(native, "isa", lambda: "v3")
    monkeypatch.delenv("SPIKESCAN_ISA", raising=False)
    assert info.describe()["cpu"]["instruction_set_forced"] is False
    monkeypatch.setenv("SPIKESCAN_ISA", "v3")
    assert info.describe()["cpu"]["instruction_set_forced"] is True
    assert "v3 (SPIKESCAN_ISA)" in command()
