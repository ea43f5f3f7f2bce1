"""Where the numbers come from, and whether the machine was free to give them."""

from __future__ import annotations

import contextlib
import os
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from spikescan.training.provenance import provenance

MEMORY = Path("/proc/meminfo")
COMPARED = ("triton", "spikingjelly", "snntorch")
UNKNOWN = 4 * 2**30
"""Bytes that are taken to be free where a system tells nothing: what a small laptop has left."""
BUSY = 0.5
"""Load, as a share of the cores, above which other work disturbs the times."""


def environment(device: str, sizes: str) -> dict[str, Any]:
    """Device, cores, threads, load before the start, versions, commit."""
    found = provenance(device)
    return {
        **found,
        "versions": found["versions"] | _versions(),
        **(_gpu() if device == "cuda" else {}),
        "processor": provenance("cpu")["device"],
        "cores": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "load_before": load(),
        "sizes": sizes,
    }


def _versions() -> dict[str, str]:
    installed = {"torch": str(torch.__version__)}  # with the CUDA that it was built for
    for name in COMPARED:
        with contextlib.suppress(metadata.PackageNotFoundError):
            installed[name] = metadata.version(name)
    return installed


def _gpu() -> dict[str, Any]:
    properties = torch.cuda.get_device_properties(0)
    return {
        "device_memory": properties.total_memory,
        "multiprocessors": properties.multi_processor_count,
        "capability": f"{properties.major}.{properties.minor}",
        "driver": _driver(),
    }


def _driver() -> str | None:
    """None where nvidia-smi does not tell."""
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.splitlines()[0].strip() if done.returncode == 0 and done.stdout.strip() else None


def load() -> float | None:
    """Of the last minute; None where the system does not tell."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def free_memory(device: str) -> int:
    """Bytes that a program may still take: as the system says, else half of all memory, else ``UNKNOWN``."""
    if device == "cuda":
        return torch.cuda.mem_get_info()[0]
    if MEMORY.exists():
        for line in MEMORY.read_text().splitlines():
            if line.startswith("MemAvailable"):
                return int(line.split()[1]) * 1024
    if hasattr(os, "sysconf"):  # Windows has none
        with contextlib.suppress(ValueError, OSError):  # nor has every system these names
            return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    return UNKNOWN


def busy(found: dict[str, Any]) -> str | None:
    """A sentence where other work disturbs."""
    cores, before = found["cores"] or 1, found["load_before"]
    if before is None or before <= BUSY * cores:
        return None
    return f"the machine is busy (load {before:.1f} on {cores} cores before the start): expect wide quantiles"
