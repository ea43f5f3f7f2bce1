"""A bank's stages and the resampler on the CPU: operands for `src/kernels/cochlea.cpp`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from spikescan import native
from spikescan.native import operation

from ._constants import Cells
from ._state import State

if TYPE_CHECKING:
    from ._bank import Bank

BLOCK, TILE = 64, 32
CONSTANTS = [name for name in Cells._fields if name not in ("l", "fibres", "hold", "dead")] + ["hold"]


_cochlea, _resample, _spectra = (operation(name, name.capitalize()) for name in ("cochlea", "resample", "spectra"))


def probabilities(bank: Bank, state: State, stage: str, values: np.ndarray) -> np.ndarray:
    """Same signature as the reference."""
    out = np.empty((len(values), bank.lanes), np.float32)
    _run(bank, state, stage, values, probabilities=out.ctypes.data)
    return out


def spikes(bank: Bank, state: State, stage: str, values: np.ndarray) -> np.ndarray:
    """Same signature as the reference."""
    blocks, most = bank.lanes // BLOCK, BLOCK * (1 + len(values) // int(bank.cells.hold + 1))
    found, counts = np.empty((blocks, most), np.int64), np.zeros(blocks, np.int64)
    _run(bank, state, stage, values, capacity=most, spikes=found.ctypes.data, counts=counts.ctypes.data)
    return np.concatenate([block[:count] for block, count in zip(found, counts, strict=True)])


def resample(samples: np.ndarray, filters: np.ndarray, start: np.ndarray, phase: np.ndarray) -> np.ndarray:
    """Same signature as the reference."""
    out = np.empty(len(start), np.float32)
    arrays = [np.ascontiguousarray(array, np.int64) for array in (start, phase)]
    arrays += [np.ascontiguousarray(array, np.float32) for array in (samples, filters)] + [out]
    names = "start", "phase", "samples", "filter", "out"
    _resample({"outputs": len(start), "taps": filters.shape[1], **_places(zip(names, arrays, strict=True))})
    return out


def _run(bank: Bank, state: State, stage: str, values: np.ndarray, **results: int) -> None:
    k, scratch = bank.cells, np.empty((bank.lanes // BLOCK, 2, TILE, BLOCK), np.float32)
    numbers = {name: getattr(k, name) for name in CONSTANTS}
    numbers |= {"steps": len(values), "channels": bank.channels, "lanes": bank.lanes, "threads": native.threads()}
    numbers |= {"poles": len(state.poles), "dead": k.dead, "first": bank.first, "seed": bank.seed, "step": state.step}
    arrays = {stage: values, "pools": state.pools, "bushy": state.bushy, "ready": state.ready, "silent": state.silent}
    arrays |= {"z": state.poles, "scratch": scratch}
    if bank.poles is not None:
        arrays["coefficients"] = bank.poles
    _cochlea(numbers | _places(arrays.items()) | results)


def _places(arrays: Iterable[tuple[str, np.ndarray]]) -> dict[str, int]:
    """Where each array begins."""
    return {name: array.ctypes.data for name, array in arrays}


def spectra(
    table: np.ndarray, first: np.ndarray, weights: np.ndarray, sound: np.ndarray, ends: np.ndarray
) -> np.ndarray:
    """Same signature as the reference."""
    out = np.empty((len(table), len(sound) // 2 + 1), np.complex64)
    arrays = (np.ascontiguousarray(table), np.ascontiguousarray(first, np.int64), np.ascontiguousarray(weights))
    arrays += (np.ascontiguousarray(sound), np.ascontiguousarray(ends, np.int64), out)
    sizes = {"channels": len(table), "bins": len(sound), "points": table.shape[1], "taps": weights.shape[1]}
    names = "table", "first", "weight", "sound", "ends", "out"
    _spectra(sizes | {"threads": native.threads()} | _places(zip(names, arrays, strict=True)))
    return out
