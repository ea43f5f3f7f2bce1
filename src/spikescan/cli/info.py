"""`spikescan info`: what this machine offers, and what `auto` takes."""

from __future__ import annotations

from typing import Any

from spikescan import report
from spikescan.cli._shared import Json, command


@command(stopped="nothing was changed")
def info(as_json: Json = False) -> None:
    """Show versions, devices and backends.

    Also instruction set, number of threads, and which backend "auto" takes and why.
    """
    from spikescan.info import describe

    found = describe()
    report.show_json(found) if as_json else _show_info(found)


def _show_info(found: dict[str, Any]) -> None:
    cpu, memory = found["cpu"], found["memory"]
    pairs = {
        **{name: version or "not installed" for name, version in found["versions"].items()},
        **{f"device {device}": what for device, what in found["devices"].items()},
        **{f"backend {name}": state["reason"] or "available" for name, state in found["backends"].items()},
        "instruction set": cpu["instruction_set"] + (" (SPIKESCAN_ISA)" if cpu["instruction_set_forced"] else ""),
        "threads": str(cpu["threads"]),
        "OpenMP runtime": "shared with torch" if cpu["openmp_shared_with_torch"] else "none found: one thread",
        "freed memory": ("kept" if memory["freed_memory_kept"] else "not kept") + f" ({memory['reason']})",
        "huge pages": "requested" if memory["huge_pages"] else "not requested",
    }
    report.show_pairs("spikescan on this machine", pairs)
    rows = [[row["device"], row["dtype"], row["backend"], row["reason"]] for row in found["auto"]]
    report.show_table('Backend that "auto" takes', ["device", "dtype", "backend", "why"], rows, numbers=False)
