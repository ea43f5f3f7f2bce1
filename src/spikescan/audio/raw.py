"""The waveform itself as a network's input: no spikes, one real-valued channel."""

from typing import Any

import numpy as np

from ._base import Engine, FrontEnd, whole
from ._resample import RATES


class Raw(FrontEnd[np.ndarray]):
    """Samples at another rate, (n, 1) float32; a call and a stream give these values in place of spikes.

    The resampler (`spikescan.audio._resample`) leaves out what lies above 0.45 of the lower rate: 8000 a second keep
    speech up to 3.6 kHz, as a telephone does, 4000 up to 1.8 kHz.

    Args:
        rate: samples a second, 1 kHz to 1 MHz.
    """

    kind = "raw"

    def __init__(self, rate: int = 8000) -> None:
        super().__init__(channels=1, seed=0)
        self.rate = whole("rate", rate, *RATES)

    def settings(self) -> dict[str, Any]:
        return {"kind": self.kind, "rate": self.rate}

    def _engine(self, seed: int) -> Engine[np.ndarray]:
        return _Column()


class _Column(Engine[np.ndarray]):
    def push(self, samples: np.ndarray) -> np.ndarray:
        return samples[:, None]

    def finish(self) -> np.ndarray:
        return np.empty((0, 1), np.float32)
