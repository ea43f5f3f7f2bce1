"""What a network takes as its input, beside floats: counts of every kind; and what it refuses by name."""

import numpy as np
import pytest
import torch

import spikescan as ss
from spikescan.networks import ConvNet, SpikingMLP

NETWORKS = {
    "mlp": lambda: SpikingMLP(8, (6,), 3, lambda: ss.SPSN(firing="threshold")),
    "conv": lambda: ConvNet((4, "max"), 3, lambda: ss.SPSN(firing="threshold"), sensor=(2, 2, 2)),
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.bool, torch.float32])
def test_counts_of_any_type(name, dtype):
    network = NETWORKS[name]().eval()
    counts = torch.randint(0, 2, (9, 2, 8))
    expected = network(counts.float(), seed=1)
    assert torch.equal(network(counts.to(dtype), seed=1), expected)
    assert torch.equal(network(counts.float().to_sparse(), seed=1), expected)


def test_arrays_are_refused_by_name():
    with pytest.raises(TypeError, match=r"x: a tensor .* found ndarray"):
        NETWORKS["mlp"]()(np.zeros((9, 2, 8), np.float32))


def test_network_state_moves_and_is_saved(tmp_path):
    network, x = NETWORKS["mlp"]().eval(), torch.rand(9, 2, 8)
    state = network.run(x, seed=1).state
    torch.save(state, tmp_path / "state.pt")
    loaded = torch.load(tmp_path / "state.pt").to("cpu")
    assert torch.equal(network.run(x, loaded).readout, network.run(x, state).readout)
