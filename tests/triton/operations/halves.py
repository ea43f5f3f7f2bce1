"""Neurons of every kind, for what holds of currents in 16 bits."""

from itertools import cycle

import pytest
import torch
from helpers import name

import spikescan as ss

N = 5
NEURONS = {
    "bernoulli": lambda **o: ss.SPSN(8e-3, 5e-3, **o),
    "gumbel": lambda **o: ss.SPSN(8e-3, None, firing="gumbel", **o),
    "escape": lambda **o: ss.SPSN(8e-3, 5e-3, firing="escape", **o),
    "threshold": lambda **o: ss.SPSN(8e-3, 5e-3, firing="threshold_tanh", threshold=0.3, **o),
    "lif": lambda **o: ss.LIF(8e-3, 5e-3, threshold=0.5, **o),
    "lif soft": lambda **o: ss.LIF(8e-3, 5e-3, threshold=0.5, reset="soft", detach_reset=False, **o),
}
OTHERS = {
    "lif learned": lambda **o: ss.LIF(8e-3, 5e-3, learn_tau=True, learn_threshold=True, features=N, **o),
    "delta learned": lambda **o: ss.SPSN(8e-3, 5e-3, firing="delta_tanh", learn_tau=True, features=N, **o),
    "integrator": lambda **o: ss.LeakyIntegrator(8e-3, 5e-3, **o),
    "mpe previous": lambda **o: ss.MPEPSN(**o),
    "mpe current": lambda **o: ss.MPEPSN(estimate="current", **o),
}
EVERY, HALVES = NEURONS | OTHERS, (torch.float16, torch.bfloat16)
each_neuron = pytest.mark.parametrize("make", EVERY.values(), ids=EVERY.keys())
each_half = pytest.mark.parametrize("dtype", HALVES, ids=name)
each_in_turn = pytest.mark.parametrize(
    ("make", "dtype"), list(zip(EVERY.values(), cycle(HALVES), strict=False)), ids=EVERY
)
"""Every neuron, in one of the two types: for what lies around the kernels."""
