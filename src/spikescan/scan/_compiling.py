"""A kernel's first call compiles it, once for each machine; a person who waits for that is told."""

import hashlib
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from numba.core import event
from numba.core.dispatcher import Dispatcher

PATIENCE = 1.0
"""Seconds after which it is said."""


def digest(files: Iterable[Path]) -> str:
    return hashlib.sha256(b"".join(file.read_bytes() for file in sorted(files))).hexdigest()[:8]


PACKAGE = Path(__file__).parents[1]
PARTS = "*/*_numba*.py", "scan/_caches.py", "scan/_lanes.py", "scan/_parallel.py", "firing/_codes.py", "random.py"
SOURCES = digest(file for part in PARTS for file in PACKAGE.glob(part))
"""All that kernels are compiled from. Numba would look at the file with the kernel alone, and run the old one when a
function changes that the kernel takes from another file."""


class _Announcer(event.Listener):
    """Hears of everything that numba compiles, and tells of our own kernels where it takes longer than PATIENCE."""

    def __init__(self) -> None:
        self.kept: dict[Any, bool] = {}
        self.timers: dict[Any, threading.Timer] = {}

    def on_start(self, event: event.Event) -> None:
        kernel: Any = (event.data or {}).get("dispatcher")
        if kernel in self.kept:
            self.timers[kernel] = timer = threading.Timer(PATIENCE, _say, [kernel.__name__, self.kept[kernel]])
            timer.daemon = True
            timer.start()

    def on_end(self, event: event.Event) -> None:
        if timer := self.timers.pop((event.data or {}).get("dispatcher"), None):
            timer.cancel()


_announcer = _Announcer()
event.register("numba:compile", _announcer)


def announced(kernel: Dispatcher, kept: bool = True) -> Dispatcher:
    """The kernel, which will say so on stderr when it takes longer than PATIENCE to compile. kept: on disk."""
    _announcer.kept[kernel] = kept
    return kernel


def _say(name: str, kept: bool) -> None:
    then = "the result is kept" if kept else "the result cannot be kept: set NUMBA_CACHE_DIR to a folder to write into"
    print(f"spikescan: compiling the CPU kernel '{name}' for this machine; {then}", file=sys.stderr)
