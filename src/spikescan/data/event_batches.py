"""From an event store to batches, without a Python loop over events."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Literal

import numpy as np
import torch

from spikescan.data.augment import Augment, Coordinates, ragged_arange
from spikescan.data.bins import microseconds
from spikescan.data.event_tensor import Batch, EventTensor
from spikescan.data.events import EventStore
from spikescan.errors import InputError


class BatchMaker:
    """Makes the batch of given samples; picklable, so that worker processes can hold one.

    dt        seconds of a step: bin = floor(t / dt). Times are whole microseconds and dt is taken as the
              fraction of microseconds nearest to it (denominator at most 10^6), so that the division is
              exact: 1 ms is 1000 µs and a third of one 1000/3 µs, whatever the last bit of the float says.
    frames    instead of dt, which is then not used: each sample is cut into so many frames.
    frame_by  frames of equal "duration", or of an equal "number" of events: of n events each frame takes
              floor(n / frames), at least 1, and the last takes the rest. That is SpikingJelly's
              `split_by='number'`, on which the published event-camera experiments were trained; an even
              division would put up to frames - 1 events elsewhere.
    channels  input channels of the data set; `pool` adjacent ones are joined (channel // pool).
    pad       where the empty steps of shorter samples go: "right" after the end, "left" before the beginning.
    tail      seconds of silence behind each sample, in whole steps of dt, rounded up.
    augment   applied to the binned, pooled events of each sample within its own length.

    T of a batch is its longest sample, at least 1, and the tail; nothing is cut off. A sample without events has
    length 1, and the tail.
    """

    def __init__(
        self,
        store: EventStore,
        *,
        channels: int,
        dt: float | None = None,
        pool: int = 1,
        frames: int | None = None,
        frame_by: Literal["duration", "number"] = "duration",
        pad: Literal["right", "left"] = "right",
        tail: float = 0.0,
        augment: Augment | None = None,
    ) -> None:
        if dt is None and frames is None:
            raise ValueError("give dt (seconds of a step) or frames (number of steps)")
        for name, count in {"channels": channels, "pool": pool, "frames": 1 if frames is None else frames}.items():
            if count < 1:
                raise ValueError(f"{name} is {count}, must be at least 1")
        if pad not in ("right", "left"):
            raise ValueError(f"pad is {pad!r}, must be 'right' or 'left'")
        if frame_by not in ("duration", "number"):
            raise ValueError(f"frame_by is {frame_by!r}, must be 'duration' or 'number'")
        self.store, self.source_channels, self.pool = store, channels, pool
        self.frames, self.frame_by, self.pad, self.augment = frames, frame_by, pad, augment
        self.step = microseconds(dt) if dt is not None else Fraction(1)
        self.tail = steps_of_tail(tail, None if frames is not None else dt)

    @property
    def channels(self) -> int:
        """Channels of a batch: those of the data set, pooled."""
        return -(-self.source_channels // self.pool)

    def __call__(self, indices: np.ndarray, seed: int = 0) -> Batch:
        """The batch of the samples `indices` (B,), in that order; `seed` governs the augmentation alone."""
        indices = self._checked(indices)
        times, events, counts = self._gather(indices)
        step, lengths = self._bin(times, events.row, counts)
        steps = int(lengths.max(initial=1))
        if steps > 2**31:  # coordinates have 32 bits
            raise InputError(f"{self.store.meta.source}: a sample of {steps} steps; take a longer dt")
        events = events._replace(step=step)
        if self.augment:
            events = self.augment(events, lengths, self.channels, int(seed))
        lengths, steps = lengths + self.tail, steps + self.tail
        if self.pad == "left":
            events = events._replace(step=events.step + (steps - lengths).astype(np.int32)[events.row])
        return Batch(
            EventTensor(*map(_int32, events), shape=(steps, len(indices), self.channels)),
            labels=torch.from_numpy(self.store.labels[indices]),
            lengths=torch.from_numpy(lengths),
            indices=torch.from_numpy(indices),
        )

    def _checked(self, indices: np.ndarray) -> np.ndarray:
        indices = np.array(indices, np.int64)
        if len(wrong := indices[(indices < 0) | (indices >= len(self.store))]):
            raise IndexError(f"no sample {wrong[0]}; {self.store.meta.source} has {len(self.store)}")
        return indices

    def _gather(self, indices: np.ndarray) -> tuple[np.ndarray, Coordinates, np.ndarray]:
        """(times (E,) µs, coordinates whose steps are still to come, events of each sample (B,))."""
        first, after = (np.asarray(self.store.offsets)[indices + k] for k in (0, 1))
        row = np.repeat(np.arange(len(indices)), after - first)
        columns = np.asarray(self.store.times), np.asarray(self.store.channels)
        parts = [slice(*ends) for ends in zip(first, after, strict=True)] or [slice(0)]
        times, channel = (np.concatenate([column[part] for part in parts]) for column in columns)
        if channel.max(initial=0) >= self.source_channels:
            sample = indices[row[channel.argmax()]]
            raise InputError(
                f"{self.store.meta.source}: sample {sample}: an event on channel {channel.max()} "
                f"where there are {self.source_channels} channels"
            )
        return times, Coordinates(times, row, (channel // self.pool).astype(np.int64)), after - first

    def _bin(self, times: np.ndarray, row: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(step of each event (E,), steps of each sample (B,)), both int64. Events are in order of time."""
        filled = np.flatnonzero(counts)
        last = np.cumsum(counts)[filled] - 1
        times = times.astype(np.int64)
        if self.frames is not None:
            lengths = np.full(len(counts), self.frames)
            if self.frame_by == "number":
                return _frame_by_number(counts, self.frames), lengths
            durations = np.ones(len(counts), np.int64)
            durations[filled] = times[last] + 1
            return times * self.frames // durations[row], lengths
        step = times * self.step.denominator // self.step.numerator
        lengths = np.ones(len(counts), np.int64)
        lengths[filled] = step[last] + 1
        return step, lengths


def steps_of_tail(tail: float, dt: float | None) -> int:
    """Raises InputError for a tail behind frames, which have no duration."""
    if tail and dt is None:
        raise InputError(f"tail: {tail:g} s of silence behind samples that are cut into frames; leave it out")
    return math.ceil(tail / dt - 1e-9) if tail and dt is not None else 0


def _frame_by_number(counts: np.ndarray, frames: int) -> np.ndarray:
    """The frame of each event, samples with counts (B,) events one after the other."""
    sample, place = ragged_arange(counts)
    return np.minimum(place // np.maximum(counts // frames, 1)[sample], frames - 1)


def _int32(column: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(column, np.int32))
