"""A kernel's first call compiles it, once for each machine; a person who waits for that is told."""

import hashlib
import sys
import threading
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import Any

PATIENCE = 1.0
"""Seconds after which it is said."""


def digest(files: Iterable[Path]) -> str:
    return hashlib.sha256(b"".join(file.read_bytes() for file in sorted(files))).hexdigest()[:8]


PACKAGE = Path(__file__).parents[1]
PARTS = "*/*_numba*.py", "scan/_caches.py", "scan/_lanes.py"
SOURCES = digest(file for part in PARTS for file in PACKAGE.glob(part))
"""All that kernels are compiled from. Numba would look at the file with the kernel alone, and run the old one when a
function changes that the kernel takes from another file."""


def announced(kernel: Callable[..., Any], kept: bool = True) -> Callable[..., Any]:
    """The numba kernel, which says so on stderr when it takes longer than PATIENCE to compile."""
    seen: set[tuple[Any, ...]] = set()

    @wraps(kernel)
    def call(*arguments: Any) -> Any:
        types = tuple((getattr(argument, "dtype", None), getattr(argument, "ndim", None)) for argument in arguments)
        if types in seen:
            return kernel(*arguments)
        timer = threading.Timer(PATIENCE, _say, [kernel, _versions(kernel), kept])
        timer.daemon = True
        timer.start()
        try:
            return kernel(*arguments)
        finally:
            timer.cancel()
            seen.add(types)

    return call


def _versions(kernel: Callable[..., Any]) -> int:
    return len(getattr(kernel, "overloads", ()))


def _say(kernel: Callable[..., Any], before: int, kept: bool) -> None:
    if _versions(kernel) > before:  # compiled or loaded by now: it is the work itself that takes long
        return
    then = "the result is kept" if kept else "the result cannot be kept: set NUMBA_CACHE_DIR to a folder to write into"
    print(f"spikescan: compiling the CPU kernel '{kernel.__name__}' for this machine; {then}", file=sys.stderr)
