"""The basilar membrane: its response to a sinusoid at each place, and to a sound.

Sieroka, Dosch and Rupp, "Semirealistic models of the cochlea", JASA 120 (2006). At place c (cm), angular frequency ω:

    S = C0 e^(-αc) - a        R = R0 e^(-αc/2)        ξ = S - mω² - iωR        g = ω √(ρ / (hξ))
    p = √(G / g(ω, c)) H0(G)                  v = 2ω/ξ · p(ω, c) / p(ω, 0) · z(ω)

G is the phase 2g(ω, 0)/α less a logarithm (`_phase`), z the input impedance, H0 the first Hankel function.
"""

import numpy as np

from ._constants import PLACES, Membrane


def places(channels: int) -> np.ndarray:
    """(C,) in cm, the first channel's resonance at 22.5 kHz, the last one's at 110 Hz."""
    return np.linspace(*PLACES, channels)


def response(omega: np.ndarray, place: np.ndarray, constants: Membrane = Membrane()) -> np.ndarray:  # noqa: B008
    """v(ω, c), complex128, of arrays that broadcast together; ω > 0 in rad/s."""
    at_entrance = _pressure(omega, np.zeros(1), constants) / _impedance(omega, constants)
    return 2 * omega / _xi(omega, place, constants) * _pressure(omega, place, constants) / at_entrance


def _resistance(c: np.ndarray, k: Membrane) -> np.ndarray:
    return k.r0 * np.exp(-k.alpha * c / 2)


def _xi(w: np.ndarray, c: np.ndarray, k: Membrane) -> np.ndarray:
    return k.c0 * np.exp(-k.alpha * c) - k.a - k.m * w**2 - 1j * w * _resistance(c, k)


def _wave_number(w: np.ndarray, c: np.ndarray, k: Membrane) -> np.ndarray:
    return w * np.sqrt(k.rho / (k.h * _xi(w, c, k)))


def _phase(w: np.ndarray, c: np.ndarray, k: Membrane) -> np.ndarray:
    """G."""

    def part(place):
        inertia = 2 * k.a + w * (2 * k.m * w + 1j * _resistance(place, k))
        return -2 * np.sqrt(_xi(w, place, k)) + 1j * inertia / np.sqrt(k.a + k.m * w**2)

    entrance = np.zeros(1)
    ratio = part(entrance) / (part(c) * np.exp(k.alpha * c / 2))
    turn = 2j * np.sqrt(2) * w / (k.alpha * np.sqrt(2 * k.h * (k.m * w**2 + k.a)))
    return 2 * _wave_number(w, entrance, k) / k.alpha - turn * np.log(ratio)


def _pressure(w: np.ndarray, c: np.ndarray, k: Membrane) -> np.ndarray:
    from scipy.special import hankel1

    phase = _phase(w, c, k)
    return np.sqrt(phase / _wave_number(w, c, k)) * hankel1(0, phase)


def _impedance(w: np.ndarray, k: Membrane) -> np.ndarray:
    from scipy.special import j0, j1, y0, y1

    kappa = 2 * w / k.alpha * np.sqrt(2 / (k.h * k.c0))
    return np.sqrt(2 * k.c0 / k.h) * (1j * j0(kappa) + y0(kappa)) / (j1(kappa) - 1j * y1(kappa))


def frequencies(samples: int, rate: int) -> np.ndarray:
    """(M,) ω at which the response is taken for a sound of so many samples, M = samples // 2 + 1."""
    return 2 * np.pi * np.linspace(1, rate // 2, samples // 2 + 1)


def basilar_membrane(sound: np.ndarray, rate: int, channels: int) -> np.ndarray:
    """The definition: velocity at each place, (M, channels), at rate // 2 samples a second, which no filter precedes.

    Args:
        sound: (n,) samples at `rate`.
    """
    omega = frequencies(len(sound), rate)
    spectrum = np.fft.fft(sound)[: len(omega)]
    return np.stack([np.fft.ifft(response(omega, c) * spectrum).real for c in places(channels)[:, None]], axis=1)
