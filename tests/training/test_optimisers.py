"""What an optimiser is given."""

from functools import partial

import spikescan as ss
from spikescan.networks import SpikingMLP
from spikescan.training.optimisers import OPTIMISERS, groups


def test_delays_have_a_rate_of_their_own_and_no_decay():
    network = SpikingMLP(5, (4,), 3, delay=partial(ss.AxonalDelay, max_delay=4e-3, dt=1e-3))
    optimiser = OPTIMISERS["adamw"](groups(network, 0.5), lr=0.01, weight_decay=0.1)
    weights, delays = optimiser.param_groups
    assert (weights["lr"], weights["weight_decay"]) == (0.01, 0.1)
    assert (delays["lr"], delays["weight_decay"]) == (0.5, 0.0)
    assert {id(value) for value in delays["params"]} == {id(module.delay) for module in network.delays}
    assert len(weights["params"]) + len(delays["params"]) == len(list(network.parameters()))
    assert len(groups(SpikingMLP(5, (4,), 3), 0.5)) == 1
