"""Fresh memory from the system costs a page fault for each page, and on the CPU that is more than a neuron costs."""

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # numbers of malloc.h


def keep_freed_memory() -> None:
    """Let this process keep the memory that it frees, for the next arrays: call it before a long training on the CPU.

    By default glibc maps every array over 32 MB anew and gives it back at once. Once this is called, the process stays
    as large as it has ever been. Where there is no glibc, nothing is done: allocators there have ways of their own.
    """
    if sys.platform == "linux" and (set_option := getattr(ctypes.CDLL(None), "mallopt", None)):
        set_option(_MMAP_MAX, 0)  # no array is mapped on its own
        set_option(_TRIM_THRESHOLD, -1)  # nothing is given back
