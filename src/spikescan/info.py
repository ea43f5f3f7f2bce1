"""What spikescan finds on this machine: versions, devices, backends, and which of them `auto` takes and why."""

from __future__ import annotations

import os
import platform
from importlib import import_module
from typing import Any

import numpy
import torch

import spikescan
from spikescan import memory, native
from spikescan.scan._select import AUTO, BACKENDS
from spikescan.training.devices import device_name

DTYPES = (torch.float32, torch.float16, torch.bfloat16, torch.float64)


def describe() -> dict[str, Any]:
    """Plain data, as `spikescan info --json` prints it: a missing version is None, and so is the reason that nothing
    is wrong with a backend."""
    reasons = {backend: _why_missing(backend) for backend in BACKENDS if backend != "auto"}
    return {
        "versions": _versions(),
        "devices": _devices(),
        "backends": {name: {"available": why is None, "reason": why} for name, why in reasons.items()},
        "cpu": {
            "instruction_set": native.isa(),
            "instruction_set_forced": native.isa() in native.LEVELS.values() and "SPIKESCAN_ISA" in os.environ,
            "threads": native.threads(),
            "openmp_shared_with_torch": native.openmp() is not None,
        },
        "memory": {
            "freed_memory_kept": not memory.refused() and memory.settable(),
            "reason": _memory_reason(),
            "huge_pages": os.environ.get(memory.HUGE_PAGES) == "1",
        },
        "auto": [
            {"device": device, "dtype": str(dtype).removeprefix("torch."), **_auto(device, dtype, reasons)}
            for device in _device_types()
            for dtype in DTYPES
        ],
    }


def _versions() -> dict[str, str | None]:
    return {
        "spikescan": spikescan.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "triton": _triton_version(),
    }


def _triton_version() -> str | None:
    try:
        return import_module("triton").__version__
    except ImportError:
        return None


def _device_types() -> list[str]:
    """The CPU, and what torch computes on besides."""
    accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return ["cpu"] if accelerator is None else ["cpu", accelerator.type]


def _devices() -> dict[str, str]:
    """Device to what it is, in words."""
    found = {"cpu": device_name("cpu")}
    for kind in _device_types()[1:]:
        for index in range(torch.accelerator.device_count()):
            found[f"{kind}:{index}"] = torch.cuda.get_device_name(index) if kind == "cuda" else kind
    return found


def _why_missing(backend: str) -> str | None:
    if backend == "native":
        return native.missing()
    return _why_no_triton() if backend == "triton" else None


def _why_no_triton() -> str | None:
    if _triton_version() is None:
        return "triton is not installed"
    if torch.cuda.is_available() or os.environ.get("TRITON_INTERPRET") == "1":
        return None
    return f"torch {torch.__version__} sees no CUDA device"


def _memory_reason() -> str:
    if memory.refused():
        return f"{memory.KEEP}=0"
    return "the default" if memory.settable() else "the allocator of this system has no such option"


def _auto(device: str, dtype: torch.dtype, missing: dict[str, str | None]) -> dict[str, str]:
    """The backend that `resolve` gives for "auto", without its message where kernels are missing, and why."""
    preferred = AUTO.get((device, dtype), "reference")
    if preferred == "reference":
        return {"backend": preferred, "reason": "there are no kernels for this dtype and device"}
    if missing[preferred] is None:
        return {"backend": preferred, "reason": "its kernels are the fastest on this device"}
    if preferred == "native":
        return {"backend": "reference", "reason": "slow, but native is not available"}
    return {"backend": preferred, "reason": "which is not available: a call raises an error"}
