"""One of each neuron, for what holds for all of them."""

from collections.abc import Callable

import pytest

import spikescan as ss

N = 6
LEARNED = {"learn_tau": True, "learn_frequency": True, "features": N}
MODELS: dict[str, Callable[..., ss.Neuron]] = {
    "lif": lambda **o: ss.LIF(8e-3, 5e-3, threshold=0.5, **o),
    "lif_soft": lambda **o: ss.LIF(8e-3, 5e-3, threshold=0.5, reset="soft", detach_reset=False, **o),
    "lif_learned": lambda **o: ss.LIF(8e-3, 5e-3, learn_tau=True, learn_threshold=True, features=N, **o),
    "lif_vanilla": lambda **o: ss.LIF.vanilla(0.5, **o),
    "sb": lambda **o: ss.SPSN(8e-3, 5e-3, **o),
    "gs": lambda **o: ss.SPSN(8e-3, None, firing="gumbel", **o),
    "escape": lambda **o: ss.SPSN(8e-3, 5e-3, firing="escape", **o),
    "threshold": lambda **o: ss.SPSN(8e-3, 5e-3, firing="threshold_tanh", threshold=0.3, **o),
    "delta": lambda **o: ss.SPSN(8e-3, 5e-3, firing="delta", learn_tau=True, features=N, **o),
    "li": lambda **o: ss.LeakyIntegrator(8e-3, 5e-3, **o),
    "resonator": lambda **o: ss.Resonator(8e-3, 60.0, **o),
    "rf": lambda **o: ss.ResonateAndFire(8e-3, 60.0, input_gain="unit", threshold=0.5, **o),
    "rf_learned": lambda **o: ss.ResonateAndFire((4e-3, 20e-3), (0.0, 90.0), firing="gumbel", **LEARNED, **o),
    "c_silif": lambda **o: ss.CSiLIF(
        (4e-3, 20e-3), (0.0, 90.0), input_gain="unit", learn_threshold=True, **LEARNED, **o
    ),
    "adaptive_lif": lambda **o: ss.AdaptiveLIF(8e-3, 30e-3, threshold=0.3, **o),
    "mpe_previous": lambda **o: ss.MPEPSN(**o),
    "mpe_current": lambda **o: ss.MPEPSN(estimate="current", **o),
}
BACKENDS = "reference", "native"

each_model = pytest.mark.parametrize("model", MODELS)
each_backend = pytest.mark.parametrize("backend", BACKENDS)
