"""Fresh memory from the system costs a page fault for each page, and on the CPU that is more than a neuron costs.

`import spikescan` therefore lets the process keep what it frees, and asks torch for huge pages, unless the environment
says SPIKESCAN_KEEP_FREED_MEMORY=0. Neither needs torch: the order of the two imports does not matter, but for huge
pages, which torch gives only to a process that asks before it makes its first large tensor. They matter while the
process still grows; what it keeps causes no more page faults with small pages either.

Both hold for the whole process: arrays of numpy and other libraries are kept too, forked processes inherit both, and
programs that are started from here inherit the wish for huge pages.
"""

import ctypes
import os
import sys
from collections.abc import Callable

KEEP, HUGE_PAGES = "SPIKESCAN_KEEP_FREED_MEMORY", "THP_MEM_ALLOC_ENABLE"
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # numbers of malloc.h


def keep_unless_refused() -> None:
    """Keep freed memory and ask torch for huge pages, unless the environment refuses."""
    if not refused():
        os.environ.setdefault(HUGE_PAGES, "1")
        keep_freed_memory()


def keep_freed_memory() -> None:
    """Let this process keep the memory that it frees, for the next arrays. `import spikescan` has done so already; this
    is for a program that does not want it from the start (SPIKESCAN_KEEP_FREED_MEMORY=0) but from here on.

    By default glibc maps every array over 32 MB anew and gives it back at once. Once this is called, the process stays
    as large as it has ever been, but for what `ss.chunked` returns from time to time. Where there is no glibc (macOS,
    Windows, musl), nothing is done: allocators there have ways of their own.
    """
    if set_option := _of_glibc("mallopt"):
        set_option(_MMAP_MAX, 0)  # no array is mapped on its own
        set_option(_TRIM_THRESHOLD, -1)  # nothing is given back


def return_freed_memory() -> None:
    """Give the system back what lies free between the arrays of this process; where there is no glibc, nothing."""
    if trim := _of_glibc("malloc_trim"):
        trim(ctypes.c_size_t(0))


def refused() -> bool:
    """Whether the environment says SPIKESCAN_KEEP_FREED_MEMORY=0; ValueError where it says neither 0 nor 1."""
    wish = os.environ.get(KEEP) or "1"
    if wish not in ("0", "1"):
        raise ValueError(f"{KEEP}: 0 or 1 is needed, found {wish!r}")
    return wish == "0"


def settable() -> bool:
    """Whether this process has an allocator that can be told to keep what is freed."""
    return _of_glibc("mallopt") is not None


def _of_glibc(name: str) -> Callable[..., int] | None:
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
