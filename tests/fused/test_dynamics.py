"""What a neuron can be."""

import pytest

from spikescan.firing import firing
from spikescan.fused import Dynamics


@pytest.mark.parametrize("fires", [None, firing("bernoulli"), firing("gumbel")])
@pytest.mark.parametrize("reset", ["hard", "soft"])
def test_a_reset_needs_a_threshold(fires, reset):
    with pytest.raises(ValueError, match=r"^reset:"):
        Dynamics(fires, reset=reset)
    assert Dynamics(firing("threshold"), reset=reset).reset == reset
