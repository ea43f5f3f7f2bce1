"""From a dense store to batches: averaged over whole numbers of steps, padded with 0."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch

from spikescan.data.augment import ragged_arange
from spikescan.data.dense import DenseStore, whole_multiple
from spikescan.data.event_batches import steps_of_tail
from spikescan.data.event_tensor import Batch
from spikescan.errors import InputError


class DenseBatches:
    """Makes the batch of given samples; picklable, so that worker processes can hold one.

    dt      seconds of a step: a whole multiple of the store's, over whose steps values are averaged. A last step that
            is not full is the average of what there is.
    frames  instead of dt: each sample is cut into so many frames of equal duration, and averaged over each.
    pool    so many neighbouring channels are added up.
    tail    seconds of 0 behind each sample, in whole steps of dt, rounded up.
    pad     where the steps of 0 of shorter samples go: "right" after the end, "left" before the beginning.
    """

    def __init__(
        self,
        store: DenseStore,
        *,
        dt: float | None = None,
        frames: int | None = None,
        frame_by: Literal["duration", "number"] = "duration",
        pool: int = 1,
        pad: Literal["right", "left"] = "right",
        tail: float = 0.0,
    ) -> None:
        if dt is None and frames is None:
            raise ValueError("give dt (seconds of a step) or frames (number of steps)")
        for name, count in {"pool": pool, "frames": 1 if frames is None else frames}.items():
            if count < 1:
                raise ValueError(f"{name} is {count}, must be at least 1")
        if pad not in ("right", "left"):
            raise ValueError(f"pad is {pad!r}, must be 'right' or 'left'")
        if frames is not None and frame_by != "duration":
            raise InputError(f"{store.meta.source}: frame_by is {frame_by!r}, and real-valued data have no events")
        self.store, self.frames, self.pool, self.pad = store, frames, pool, pad
        self.tail = steps_of_tail(tail, None if frames is not None else dt)
        self.width = whole_multiple(store, dt) if dt is not None and frames is None else 1

    @property
    def channels(self) -> int:
        """Channels of a batch: those of the data set, pooled."""
        return -(-self.store.values.shape[1] // self.pool)

    def __call__(self, indices: np.ndarray, seed: int = 0) -> Batch:
        """The batch of the samples `indices` (B,), in that order; nothing in it is drawn by `seed`."""
        indices = np.array(indices, np.int64)
        if len(wrong := indices[(indices < 0) | (indices >= len(self.store))]):
            raise IndexError(f"no sample {wrong[0]}; {self.store.meta.source} has {len(self.store)}")
        steps = self.store.steps[indices]
        starts, lengths = self._starts(indices, steps)
        row, step = ragged_arange(lengths)
        lengths = lengths + self.tail
        most = int(lengths.max(initial=1))
        shift = most - lengths if self.pad == "left" else np.zeros_like(lengths)
        inputs = np.zeros((most, len(indices), self.channels), np.float32)
        if len(indices):
            inputs[step + shift[row], row] = self._averages(indices, starts, steps)
        return Batch(
            torch.from_numpy(inputs),
            labels=torch.from_numpy(np.asarray(self.store.labels)[indices]),
            lengths=torch.from_numpy(lengths),
            indices=torch.from_numpy(indices),
        )

    def _starts(self, indices: np.ndarray, steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(where each step of the batch begins in the joined samples, steps of each sample (B,))."""
        lengths = -(-steps // self.width) if self.frames is None else np.full(len(steps), self.frames)
        if self.frames is not None and len(short := np.flatnonzero(steps < self.frames)):
            found = f"sample {indices[short[0]]} has {steps[short[0]]} steps, fewer than {self.frames} frames"
            raise InputError(f"{self.store.meta.source}: {found}")
        row, place = ragged_arange(lengths)
        inside = place * self.width if self.frames is None else place * steps[row] // self.frames
        return (np.cumsum(steps) - steps)[row] + inside, lengths

    def _averages(self, indices: np.ndarray, starts: np.ndarray, steps: np.ndarray) -> np.ndarray:
        """(all steps of the batch, channels) float32."""
        values = np.concatenate([self.store.sample(index) for index in indices])
        if len(starts) < len(values):
            sizes = np.diff(np.append(starts, steps.sum()))
            values = np.add.reduceat(values, starts, axis=0, dtype=np.float64) / sizes[:, None]
        if self.pool > 1:
            values = np.add.reduceat(values, np.arange(0, values.shape[1], self.pool), axis=1)
        return values.astype(np.float32)
