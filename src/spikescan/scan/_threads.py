"""The numba kernels use as many threads as torch does."""

import numba
import torch

LAUNCHED: int = vars(numba.config)["NUMBA_NUM_THREADS"]  # more cannot be asked for later


def torch_threads() -> int:
    """Of torch, as far as numba can have as many."""
    return max(1, min(torch.get_num_threads(), LAUNCHED))


def use_torch_threads() -> None:
    """Honour `torch.set_num_threads`.

    Where numba and torch share one OpenMP library, starting numba's threads changes torch's count: it is set back.
    """
    wanted = torch.get_num_threads()
    numba.set_num_threads(torch_threads())
    if torch.get_num_threads() != wanted:
        torch.set_num_threads(wanted)
