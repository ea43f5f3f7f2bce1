"""Fresh memory from the system costs a page fault for each page, and on the CPU that is more than a neuron costs."""

import ctypes
import sys
from collections.abc import Callable

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # numbers of malloc.h


def keep_freed_memory() -> None:
    """Let this process keep the memory that it frees, for the next arrays: call it before a long training on the CPU.

    By default glibc maps every array over 32 MB anew and gives it back at once. Once this is called, the process stays
    as large as it has ever been, but for what `ss.chunked` returns from time to time. Where there is no glibc, nothing
    is done: allocators there have ways of their own.
    """
    if set_option := _of_glibc("mallopt"):
        set_option(_MMAP_MAX, 0)  # no array is mapped on its own
        set_option(_TRIM_THRESHOLD, -1)  # nothing is given back


def return_freed_memory() -> None:
    """Give the system back what lies free between the arrays of this process; where there is no glibc, nothing."""
    if trim := _of_glibc("malloc_trim"):
        trim(ctypes.c_size_t(0))


def _of_glibc(name: str) -> Callable[..., int] | None:
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
