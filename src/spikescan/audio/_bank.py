"""A bank of channels: hair cells, nerve fibres and bushy cells, behind the membrane that a front end has.

The kernels compute it where they are installed, the reference where not; both give the same spikes.
"""

from dataclasses import dataclass
from importlib import import_module

import numpy as np

from spikescan import native

from ._constants import Cells
from ._state import State, at_rest

BLOCK = 64
"""Channels are computed in blocks of so many."""


@dataclass(frozen=True)
class Bank:
    """Of `channels` channels in all, of which this bank has the lanes from `first` on."""

    cells: Cells
    channels: int
    lanes: int  # a multiple of BLOCK; those past the last channel fire no spikes
    seed: int
    first: int = 0  # a multiple of BLOCK
    poles: np.ndarray | None = None  # (P, 6, lanes), float32

    def at_rest(self) -> State:
        return at_rest(self.cells, self.lanes, 0 if self.poles is None else len(self.poles))

    def spikes(self, state: State, stage: str, values: np.ndarray) -> np.ndarray:
        """Spikes of the next T steps, which the state then has done.

        Args:
            stage: what is given: "sound", (T, 2) samples x[2t - 1] and x[2t]; "velocity", (T, lanes); or "probability".
            values: float32.
        Returns:
            int64, step · channels + channel, ascending; steps count from this call's first.
        """
        found = _body().spikes(self, state, stage, np.ascontiguousarray(values, np.float32))
        state.step += len(values)
        return np.sort(found)

    def probabilities(self, state: State, stage: str, values: np.ndarray) -> np.ndarray:
        """That a fibre fires, (T, lanes), of a sound or a velocity; the state's fibres stay as they are."""
        return _body().probabilities(self, state, stage, np.ascontiguousarray(values, np.float32))


def padded(channels: int) -> int:
    """Lanes for so many channels."""
    return -(-channels // BLOCK) * BLOCK


def _body():
    return import_module(f"spikescan.audio.{'_reference_bank' if native.missing() else '_native'}")
