"""The authors' own cochlea (lauscher 1.0.1), stage by stage, as oracle."""

import numpy as np
import pytest

CHANNELS = 16


def lauscher():
    """The stages' module, or the test is skipped."""
    return pytest.importorskip("lauscher.transformations", reason="lauscher is the oracle")


def waveform(sound: np.ndarray, rate: int = 48_000):
    from lauscher.audiowaves import MonoAudioWave

    return MonoAudioWave(sound.copy(), rate)


def velocity(sound: np.ndarray, channels: int = CHANNELS) -> np.ndarray:
    """(T, channels), one channel after the other: its own way takes a pool of processes."""
    membrane = lauscher().BasilarMembrane(channels)
    steps = len(sound) // 2 + 1
    omega, spectrum = 2 * np.pi * np.linspace(1, 24_000, steps), np.fft.fft(sound)[:steps]
    return np.stack([membrane.process_single_channel(c, omega, spectrum) for c in membrane.ch], axis=1)


def prepared(sound: np.ndarray) -> np.ndarray:
    stages = lauscher()
    return waveform(sound).transform(stages.RmsNormalizer(0.3)).transform(stages.HanningWindow()).samples


def probability(velocity: np.ndarray) -> np.ndarray:
    cell = lauscher().HairCell()
    return np.stack([cell._meddis(one, 24_000) for one in velocity.T], axis=1)


def fibres(probability: np.ndarray) -> np.ndarray:
    """Spikes of 40 fibres of one channel, (T, 40); drawn from NumPy's global generator."""
    return lauscher().BushyCell()._sample(probability, 24_000)


def bushy(stimuli: np.ndarray) -> np.ndarray:
    """Spikes of the neuron that fibres (T, 40) drive, (T,)."""
    return lauscher().BushyCell()._lif(stimuli, 24_000)
