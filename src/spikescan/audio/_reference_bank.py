"""A bank's stages, one after the other, as the reference defines them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from . import _reference as stages
from ._state import State

if TYPE_CHECKING:
    from ._bank import Bank


def probabilities(bank: Bank, state: State, stage: str, values: np.ndarray) -> np.ndarray:
    if stage == "sound" and bank.poles is not None:
        values = stages.membrane(values, bank.poles, state)
    return stages.hair_cell(values, bank.cells, state)


def spikes(bank: Bank, state: State, stage: str, values: np.ndarray) -> np.ndarray:
    if stage != "probability":
        values = probabilities(bank, state, stage, values)
    uniform = stages.draws(bank.seed, state.step, len(values), bank.first, bank.lanes)
    fired = stages.bushy_cell(stages.fibres(values, uniform, bank.cells, state), bank.cells, state)
    step, channel = fired[:, : bank.channels - bank.first].nonzero()
    return step * bank.channels + channel + bank.first
