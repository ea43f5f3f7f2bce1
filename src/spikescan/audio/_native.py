"""A bank's stages and the resampler on the CPU: operands for `src/kernels/cochlea.cpp`."""

from __future__ import annotations

from ctypes import c_float, c_int64, c_void_p
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


class Cochlea(native.Operands):
    """`struct Cochlea` of `spikescan.h`, which says what each field is."""

    _fields_ = (
        *((name, c_int64) for name in ("steps", "channels", "lanes", "threads", "poles", "dead", "first")),
        *((name, c_void_p) for name in ("sound", "velocity", "probability", "coefficients")),
        *((name, c_float) for name in CONSTANTS),
        *((name, c_int64) for name in ("seed", "step")),
        *((name, c_void_p) for name in ("pools", "bushy", "ready", "silent", "z", "scratch", "probabilities")),
        ("capacity", c_int64),
        *((name, c_void_p) for name in ("spikes", "counts")),
    )


class Resample(native.Operands):
    """`struct Resample`."""

    _fields_ = (
        *((name, c_int64) for name in ("outputs", "taps")),
        *((name, c_void_p) for name in ("start", "phase", "samples", "filter", "out")),
    )


_cochlea, _resample = operation("cochlea", Cochlea), operation("resample", Resample)


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
    _resample(Resample(len(start), filters.shape[1], *(array.ctypes.data for array in arrays)))
    return out


def _run(bank: Bank, state: State, stage: str, values: np.ndarray, **results: int) -> None:
    k, scratch = bank.cells, np.empty((bank.lanes // BLOCK, 2, TILE, BLOCK), np.float32)
    x = Cochlea(steps=len(values), channels=bank.channels, lanes=bank.lanes, first=bank.first, dead=k.dead)
    x.threads, x.poles, x.seed, x.step = native.threads(), len(state.poles), bank.seed, state.step
    for name in CONSTANTS:
        setattr(x, name, getattr(k, name))
    arrays = {stage: values, "pools": state.pools, "bushy": state.bushy, "ready": state.ready, "silent": state.silent}
    arrays |= {"z": state.poles, "scratch": scratch}
    if bank.poles is not None:
        arrays["coefficients"] = bank.poles
    for name, array in arrays.items():
        setattr(x, name, array.ctypes.data)
    for name, value in results.items():
        setattr(x, name, value)
    _cochlea(x)


class Spectra(native.Operands):
    """`struct Spectra`."""

    _fields_ = (
        *((name, c_int64) for name in ("channels", "bins", "points", "taps", "threads")),
        *((name, c_void_p) for name in ("table", "first", "weight", "sound", "ends", "out")),
    )


_spectra = operation("spectra", Spectra)


def spectra(
    table: np.ndarray, first: np.ndarray, weights: np.ndarray, sound: np.ndarray, ends: np.ndarray
) -> np.ndarray:
    """Same signature as the reference."""
    out = np.empty((len(table), len(sound) // 2 + 1), np.complex64)
    arrays = (np.ascontiguousarray(table), np.ascontiguousarray(first, np.int64), np.ascontiguousarray(weights))
    arrays += (np.ascontiguousarray(sound), np.ascontiguousarray(ends, np.int64), out)
    sizes = len(table), len(sound), table.shape[1], weights.shape[1], native.threads()
    _spectra(Spectra(*sizes, *(array.ctypes.data for array in arrays)))
    return out
