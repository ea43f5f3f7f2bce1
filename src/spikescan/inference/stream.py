"""A recording that is still arriving: state is carried exactly, and memory does not grow with its length."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from spikescan.data.arrays import LATEST
from spikescan.data.event_tensor import EventTensor
from spikescan.errors import InputError
from spikescan.inference.votes import Votes
from spikescan.types import NetworkState

if TYPE_CHECKING:
    from spikescan.inference.model import Model, Prediction

PIECE = 1000
"""Steps that pass through the network at a time."""


class Stream:
    """What `Model.stream()` gives: push what arrives, and get the answer for everything so far.

    After every push the answer is that of `Model.predict` for the recording up to the last event: steps whose events
    may still come are computed again at the next push, silence is computed when an event ends it. The numbers are the
    same to rounding (a spike may differ where its draw lies within rounding of the probability).
    """

    def __init__(self, model: Model, sound: Any, seed: int) -> None:
        self._model, self._sound = model, sound
        self._state: NetworkState = model.network.initial_state(seed)
        self._votes = Votes(model.recipe.loss.readout)
        self._done = 0  # steps that no further event can change
        self._steps = np.zeros(0, np.int64)  # of the events that are not yet in a finished step
        self._channels = np.zeros(0, np.int64)
        self._latest = 0  # µs of the last event
        self.answer: Prediction | None = None
        """The answer so far; None before the first event."""

    @property
    def seconds(self) -> float:
        """Time of the last event."""
        return self._latest / 1e6

    def push(self, samples: Any) -> Prediction | None:
        """Take the next samples of a sound, (n,) floats in -1 to 1 (or 16-bit integers), n ≥ 0.

        Raises:
            InputError: for a network that was not trained on sound, or samples that are not finite.
        """
        if self._sound is None:
            raise InputError(f"{self._model.where}: trained on events; push_events(times, channels) takes them")
        return self._take(self._sound.push(_as_floats(samples)))

    def push_events(self, times: Any, channels: Any) -> Prediction | None:
        """Take the next events: `times` (n,) in seconds since the recording began, none before the last step that an
        earlier event is in; `channels` (n,)."""
        if self._sound is not None:
            raise InputError(f"{self._model.where}: trained on sound; push(samples) takes it")
        return self._events(np.asarray(times, np.float64), np.asarray(channels))

    def finish(self) -> Prediction | None:
        """The answer once nothing more will come (a front end may hold back its last events)."""
        return self.answer if self._sound is None else self._take(self._sound.finish())

    def _take(self, made: Any) -> Prediction | None:
        """What the front end made."""
        return self._events(*made)

    def _events(self, times: np.ndarray, channels: np.ndarray) -> Prediction | None:
        if not len(times):
            return self.answer
        microseconds = self._checked(times, channels)
        order = np.argsort(microseconds, kind="stable")
        step = self._model.binning(microseconds[order])
        if step[0] < self._done:
            raise InputError(
                f"an event at {times[order[0]]} s comes too late: the step before {self.seconds} s is finished"
            )
        self._latest = max(self._latest, int(microseconds.max()))
        self._steps = np.concatenate([self._steps, step])
        self._channels = np.concatenate([self._channels, self._model.pooled(channels[order].astype(np.int64))])
        return self._advance()

    def _checked(self, times: np.ndarray, channels: np.ndarray) -> np.ndarray:
        """Times in whole µs, int64."""
        if times.shape != channels.shape or times.ndim != 1 or channels.dtype.kind not in "iu":
            raise InputError(
                f"events: times {times.shape} and channels {channels.shape} of {channels.dtype}; one axis each, of "
                "equal length, and channels are integers"
            )
        limit = self._model.facts.channels
        if len(wrong := channels[(channels < 0) | (channels >= limit)]):
            raise InputError(f"events: channel {wrong[0]}, outside 0 to {limit - 1}")
        if len(wrong := times[~((times >= 0) & (times * 1e6 < LATEST))]):
            raise InputError(f"events: time {wrong[0]} s, outside 0 to {LATEST / 1e6:.0f} (71 minutes)")
        return np.rint(times * 1e6).astype(np.int64)

    @torch.no_grad()
    def _advance(self) -> Prediction:
        current = int(self._steps.max())  # the step that may get more events
        finished = self._steps < current
        for first in range(self._done, current, PIECE):
            steps = min(PIECE, current - first)
            inside = finished & (self._steps >= first) & (self._steps < first + steps)
            readout, self._state = self._run(inside, first, steps)
            self._votes = self._votes.with_steps(readout)
        self._done = current
        self._steps, self._channels = self._steps[~finished], self._channels[~finished]
        readout, _ = self._run(np.ones(len(self._steps), bool), current, 1 + self._model.tail)
        self.answer = self._model.prediction(self._votes.with_steps(readout).scores())
        return self.answer

    def _run(self, chosen: np.ndarray, first: int, steps: int) -> tuple[Tensor, NetworkState]:
        """Readout (steps, classes) and state after the steps `first`, …, of the waiting events that are `chosen`."""
        step, channel = (torch.from_numpy(column[chosen].astype(np.int32)) for column in (self._steps, self._channels))
        events = EventTensor(step - first, torch.zeros_like(step), channel, (steps, 1, self._model.inputs))
        output = self._model.network.run(events, self._state)
        return output.readout[:, 0], output.state


def _as_floats(samples: Any) -> np.ndarray:
    found = np.asarray(samples)
    if found.ndim != 1 or found.dtype.kind not in "fi":
        raise InputError(
            f"samples: found {found.dtype} of shape {found.shape}, not one axis of floats or 16-bit integers"
        )
    if found.dtype.kind == "i":
        if found.dtype != np.int16:
            raise InputError(f"samples: found {found.dtype}; integers have 16 bits, others are floats in -1 to 1")
        return found.astype(np.float32) / 2**15
    if not np.isfinite(found).all():
        raise InputError("samples: NaN or infinite")
    return found.astype(np.float32)
