"""A sound that is still arriving, for a network on waveforms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from spikescan.inference import files
from spikescan.inference.stream import PIECE, Stream
from spikescan.training import build
from spikescan.types import NetworkState

if TYPE_CHECKING:
    from spikescan.inference.model import Model, Prediction


class ValueStream(Stream):
    """As `Stream`, where the front end gives values in place of events: a step is over when its values are there."""

    def __init__(self, model: Model, sound: Any, seed: int) -> None:
        super().__init__(model, sound, seed)
        self._rest = np.zeros((0, model.facts.channels), np.float32)  # of the step that may get more values
        self._values = 0  # in all

    @property
    def seconds(self) -> float:
        """Time after the last value."""
        return self._values * (self._model.facts.period or 0.0)

    def _take(self, made: np.ndarray) -> Prediction | None:
        if not len(made):
            return self.answer
        self._values += len(made)
        values = np.concatenate([self._rest, made])
        width = self._model.width
        end = (len(values) - 1) // width * width  # the last step waits, for values or for the silence behind it
        for first in range(0, end, PIECE * width):
            last = min(first + PIECE * width, end)
            readout, self._state = self._pass(values[first:last], (last - first) // width)
            self._votes = self._votes.with_steps(readout)
        self._rest = values[end:]
        readout, _ = self._pass(self._rest, 1 + self._model.tail)
        self.answer = self._model.prediction(self._votes.with_steps(readout).scores())
        return self.answer

    @torch.no_grad()
    def _pass(self, values: np.ndarray, steps: int) -> tuple[Tensor, NetworkState]:
        """Readout (steps, classes) and state after so many steps of these values (n, channels) and of silence."""
        piece = files.of_values(values, self._model.facts)
        batch = build.batches_of(self._model.recipe, piece)(piece.indices, 0)
        device = next(self._model.network.parameters()).device
        output = self._model.network.run(batch.to(device).dense()[:steps], self._state)
        return output.readout[:, 0], output.state
