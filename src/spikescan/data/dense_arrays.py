"""Real-valued data from arrays in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from spikescan.data.arrays import described
from spikescan.data.dataset import Dataset
from spikescan.data.dense import hold_dense
from spikescan.data.labels import as_array
from spikescan.errors import InputError


def from_dense(
    x: Any,
    labels: Any,
    *,
    dt: float,
    lengths: ArrayLike | None = None,
    speakers: Any = None,
    class_names: Sequence[str] | None = None,
    name: str = "arrays",
    ordered_channels: bool = False,
) -> Dataset:
    """A data set of real-valued sequences, kept in memory as float32.

    Args:
        x: (n, T, C), or (n, T) of one channel, or a list of (T_i, C) or (T_i,) arrays of different lengths. Values are
            taken as they are: scale them to about 1 first.
        labels, speakers, class_names, name, ordered_channels: as `from_arrays` has them.
        dt: seconds between two steps.
        lengths: (n,) steps of each sample, where `x` is padded; what follows is left out.

    Raises:
        InputError: for anything that does not fit, naming the argument, the sample and what was found.
    """
    if not 0 < dt < float("inf"):
        raise InputError(f"dt: {dt} s, must be a positive number of seconds")
    samples = _samples(x, lengths)
    if len({sample.shape[1] for sample in samples}) > 1:
        found = sorted({sample.shape[1] for sample in samples})
        raise InputError(f"x: samples of {' and '.join(map(str, found))} channels; all need as many")
    number, known = described(labels, speakers, class_names, len(samples))
    counts = np.array([len(sample) for sample in samples], np.int64)
    known |= {"source": name, "dt": float(dt), "ordered_channels": ordered_channels}
    store = hold_dense(np.concatenate(samples), counts, labels=number, **known)
    return Dataset.of(store, name=name)


def _samples(x: Any, lengths: ArrayLike | None) -> list[np.ndarray]:
    """(T_i, C) float32 of each sample, checked."""
    given = x if isinstance(x, list | tuple) else as_array(x, "x")
    if not isinstance(given, list | tuple) and given.ndim not in (2, 3):
        raise InputError(f"x: shape {given.shape}, not (n, T, C) or (n, T)")
    samples = [_sample(index, sample) for index, sample in enumerate(given)]
    if not samples:
        raise InputError("x: no sample; a data set needs one")
    if lengths is None:
        return samples
    ends = as_array(lengths, "lengths")
    if ends.dtype.kind not in "iu" or ends.shape != (len(samples),):
        raise InputError(f"lengths: found {ends.dtype} of shape {ends.shape}, not {len(samples)} integers")
    for index, (sample, end) in enumerate(zip(samples, ends, strict=True)):
        if not 1 <= end <= len(sample):
            raise InputError(f"sample {index}: lengths is {end}, and x has {len(sample)} steps")
    return [sample[:end] for sample, end in zip(samples, ends, strict=True)]


def _sample(index: int, values: Any) -> np.ndarray:
    sample = as_array(values, f"x of sample {index}")
    if sample.dtype.kind not in "iufb" or sample.ndim not in (1, 2):
        raise InputError(f"sample {index}: x has shape {sample.shape} of {sample.dtype}, not (T, C) real numbers")
    sample = sample[:, None] if sample.ndim == 1 else sample
    if not sample.size:
        raise InputError(f"sample {index}: x has shape {sample.shape}; a step and a channel at least are needed")
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is told
        sample = sample.astype(np.float32)
    if len(wrong := np.argwhere(~np.isfinite(sample))):
        step, channel = wrong[0]
        raise InputError(f"sample {index}: x at step {step}, channel {channel} is {sample[step, channel]}")
    return sample
