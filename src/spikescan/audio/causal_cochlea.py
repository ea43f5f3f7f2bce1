"""The artificial cochlea for streams: causal, with a given gain and a membrane of a few poles.

Three things differ from `Cochlea`. The sound is multiplied by a gain instead of being normalised, and no window is over
the whole. The membrane is four complex poles for each channel (`_poles`). And its response runs forward in time: the
authors' program takes a response meant for e^(-iωt) through a transform that has e^(iωt), which turns each channel's
ringing about in time, before the sound that causes it; here it is the complex conjugate, which has the same magnitude.
"""

from typing import Any

import numpy as np

from spikescan.random import fold

from ._bank import Bank, padded
from ._base import FrontEnd, SpikeEngine, Spikes, positive
from ._constants import cells
from ._poles import fitted
from .cochlea import DRAWS, decoded

RATE = 48_000
GAIN = 4.6


class CausalCochlea(FrontEnd[Spikes]):
    """Membrane of fitted poles, hair cells, nerve fibres and bushy cells, on a stream.

    The sound is brought to 48 kHz, and the cells run at 24 kHz.

    Args:
        channels: places along the membrane, from 22.5 kHz to 110 Hz.
        gain: what the samples are multiplied by. With the default, recordings of the Free Spoken Digit Dataset give
            as many spikes as the authors' program makes of them, which brings each to a root mean square of 0.3 and
            windows it: of 120 recordings of the test set, 1.4 % fewer.
        seed: of the nerve fibres' draws, where a call gives none.
    """

    kind, rate = "causal-cochlea", RATE

    def __init__(self, channels: int = 700, gain: float = GAIN, seed: int = 0) -> None:
        super().__init__(channels, seed)
        self.gain = positive("gain", gain)

    def settings(self) -> dict[str, Any]:
        return {"kind": self.kind, "channels": self.channels, "gain": self.gain, "seed": self.seed}

    def _engine(self, seed: int) -> "_Chunks":
        return _Chunks(self, seed)


class _Chunks(SpikeEngine):
    def __init__(self, front: CausalCochlea, seed: int) -> None:
        self._gain = np.float32(front.gain)
        coefficients = step_coefficients(front.channels, RATE)
        lanes = coefficients.shape[2]
        self._bank = Bank(cells(RATE / 2), front.channels, lanes, int(fold(seed, DRAWS)), poles=coefficients)
        self._state = self._bank.at_rest()
        self._left = np.zeros(1, np.float32)  # the sample before the next step's: before the sound there is silence

    def push(self, samples: np.ndarray) -> Spikes:
        sound = np.concatenate([self._left, samples * self._gain])
        step, steps = self._state.step, len(sound) // 2
        self._left = sound[2 * steps :]
        codes = self._bank.spikes(self._state, "sound", sound[: 2 * steps].reshape(-1, 2))
        return decoded(codes, self._bank.channels, RATE / 2, step)


def step_coefficients(channels: int, rate: int) -> np.ndarray:
    """(4, 6, lanes) float32: λ², bλ and b of each pole, real and imaginary parts; 0 in lanes past the channels."""
    decay, weight = fitted(channels, rate)
    out = np.zeros((len(decay), 6, padded(channels)), np.float32)
    for n, values in enumerate((decay**2, weight * decay, weight)):
        out[:, 2 * n, :channels], out[:, 2 * n + 1, :channels] = np.real(values), np.imag(values)
    return out
