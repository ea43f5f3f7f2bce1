"""A kernel's first call compiles it, once for each machine; a person who waits for that is told."""

import sys
import threading
from collections.abc import Callable
from functools import wraps
from typing import Any

PATIENCE = 1.0
"""Seconds after which it is said."""


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
