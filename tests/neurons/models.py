"""One of each neuron, for what holds for all of them."""

from collections.abc import Callable

import pytest

import spikescan as ss

N = 6
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
    "mpe_previous": lambda **o: ss.MPEPSN(**o),
    "mpe_current": lambda **o: ss.MPEPSN(estimate="current", **o),
}
BACKENDS = "reference", "native"

each_model = pytest.mark.parametrize("model", MODELS)
each_backend = pytest.mark.parametrize("backend", BACKENDS)
