"""Does a batch fit? Refused up front where it cannot, and said in sizes where the allocator finds out first."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil, inf

import torch

from spikescan.errors import InputError, TrainingError
from spikescan.training.build import Material

_ALLOCATORS = "can't allocate", "DefaultCPUAllocator", "out of memory"
_REMEDY = "lower training.batch_size, data.frames or network.hidden, or raise data.dt"


def check(stuff: Material) -> None:
    """Raises InputError where one batch's outputs alone, of every layer and step in float32, exceed the memory."""
    needed, there = _least_bytes(stuff), _memory(stuff.recipe.training.device)
    if needed > there:
        raise InputError(
            f"{_sizes(stuff)} needs {needed / 1e9:,.1f} GB at least, "
            f"and {stuff.recipe.training.device} has {there / 1e9:,.1f} GB: {_REMEDY}"
        )


@contextmanager
def explained(stuff: Material) -> Iterator[None]:
    """Turn a failed allocation into a TrainingError that names the sizes."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not any(words in str(error) for words in _ALLOCATORS):
            raise
        reason = str(error).strip().split("\n")[0]
        raise TrainingError(f"out of memory in {_sizes(stuff)}: {_REMEDY} ({reason})") from error


def _steps(stuff: Material) -> int:
    data = stuff.recipe.data
    longest = max(int(part.store.durations.max()) for part in stuff.splits.values())
    return data.frames or ceil(longest / (data.step * 1e6)) + ceil(data.tail / data.step)


def _rows(stuff: Material) -> int:
    return min(stuff.recipe.training.batch_size, max(len(indices) for indices in stuff.splits.values()))


def _least_bytes(stuff: Material) -> int:
    return 4 * _steps(stuff) * _rows(stuff) * sum(_widths(stuff))


def _widths(stuff: Material) -> list[int]:
    """Values a step and sample: of every layer of an MLP; of a convolutional network, its frames at least."""
    return (
        [*(stuff.recipe.network.hidden or ()), stuff.outputs] if stuff.recipe.network.kind == "mlp" else [stuff.inputs]
    )


def _sizes(stuff: Material) -> str:
    layers = " + ".join(map(str, _widths(stuff)))
    return f"a batch of {_steps(stuff):,} steps, {_rows(stuff):,} samples and {layers} values"


def _memory(device: str) -> float:
    """Bytes; infinite where the system (Windows) does not tell."""
    if device == "cuda":
        return torch.cuda.mem_get_info()[1]
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else inf
