"""Where the numbers come from, and whether the machine was free to give them."""

from __future__ import annotations

import os
from typing import Any

import torch

from spikescan.training.provenance import provenance

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


def busy(found: dict[str, Any]) -> str | None:
    """A sentence where other work disturbs."""
    cores, before = found["cores"] or 1, found["load_before"]
    if before is None or before <= BUSY * cores:
        return None
    return f"the machine is busy (load {before:.1f} on {cores} cores before the start): expect wide quantiles"
