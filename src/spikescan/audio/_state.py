"""What the cells of all channels carry from one step to the next."""

from dataclasses import dataclass

import numpy as np

from ._constants import Cells


@dataclass
class State:
    """Of C channels; every array is changed in place as steps are done."""

    pools: np.ndarray  # (3, C): q, c, w of the hair cells
    bushy: np.ndarray  # (3, C): synaptic current, potential, steps that are left to hold
    ready: np.ndarray  # (1, C): fibres that may fire
    silent: np.ndarray  # (dead, C): how many fired in each of the last steps, at step modulo dead
    poles: np.ndarray  # (P, 2, C): the poles' real and imaginary parts
    step: int = 0


def at_rest(k: Cells, channels: int, poles: int = 0, dtype: type[np.floating] = np.float32) -> State:
    """The state before a sound: the hair cells' pools as silence leaves them."""
    kt = k.g * k.a / (k.a + k.b)  # all rates are times dt here, which leaves their ratios
    cleft = k.m * k.y * kt / (k.l * kt + k.y * k.l_plus_r)
    return State(
        pools=np.repeat(np.array([cleft * k.l_plus_r / kt, cleft, cleft * k.r / k.x], dtype)[:, None], channels, 1),
        bushy=np.zeros((3, channels), dtype),
        ready=np.full((1, channels), k.fibres, dtype),
        silent=np.zeros((k.dead, channels), dtype),
        poles=np.zeros((poles, 2, channels), dtype),
    )
