"""The numba kernels use as many threads as torch does."""

import numba
import torch

LAUNCHED: int = vars(numba.config)["NUMBA_NUM_THREADS"]  # more cannot be asked for later


def use_torch_threads() -> int:
    """Honour `torch.set_num_threads`; return the number of threads.

    Where numba and torch share one OpenMP library, starting numba's threads changes torch's count: it is set back.
    """
    wanted = torch.get_num_threads()
    threads = max(1, min(wanted, LAUNCHED))
    numba.set_num_threads(threads)
    if torch.get_num_threads() != wanted:
        torch.set_num_threads(wanted)
    return threads
