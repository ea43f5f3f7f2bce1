"""Where the numbers come from, and whether the machine was free to give them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from spikescan.training.provenance import provenance

MEMORY = Path("/proc/meminfo")
BUSY = 0.5
"""Load, as a share of the cores, above which other work disturbs the times."""


def environment(device: str, sizes: str) -> dict[str, Any]:
    """Device, cores, threads, load before the start, versions, commit."""
    return {
        **provenance(device),
        "processor": provenance("cpu")["device"],
        "cores": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "load_before": load(),
        "sizes": sizes,
    }


def load() -> float | None:
    """Of the last minute; None where the system does not tell."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def free_memory(device: str) -> int:
    """Bytes that a program may still take; half of all memory where the system does not tell."""
    if device == "cuda":
        return torch.cuda.mem_get_info()[0]
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    if not MEMORY.exists():
        return pages * size // 2
    line = next(line for line in MEMORY.read_text().splitlines() if line.startswith("MemAvailable"))
    return int(line.split()[1]) * 1024


def busy(found: dict[str, Any]) -> str | None:
    """A sentence where other work disturbs."""
    cores, before = found["cores"] or 1, found["load_before"]
    if before is None or before <= BUSY * cores:
        return None
    return f"the machine is busy (load {before:.1f} on {cores} cores before the start): expect wide quantiles"
