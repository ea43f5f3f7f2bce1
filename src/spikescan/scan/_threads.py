"""The numba kernels use as many threads as torch does."""

import numba
import torch

LAUNCHED: int = vars(numba.config)["NUMBA_NUM_THREADS"]  # more cannot be asked for later


def use_torch_threads() -> int:
    """Honour `torch.set_num_threads`; return the number of threads."""
    threads = max(1, min(torch.get_num_threads(), LAUNCHED))
    numba.set_num_threads(threads)
    return threads
