"""The numba kernels use as many threads as torch does."""

import numba
import torch


def use_torch_threads() -> int:
    """Honour `torch.set_num_threads`; return the number of threads."""
    threads = max(1, min(torch.get_num_threads(), numba.config.NUMBA_NUM_THREADS))
    numba.set_num_threads(threads)
    return threads
