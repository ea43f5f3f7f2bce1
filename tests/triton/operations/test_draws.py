"""The draws of the Triton kernels are, bit for bit, those of `spikescan.random`."""

import pytest
import torch
from oracle import SEED, STEP

import spikescan as ss
from spikescan.fused._triton_math import uniform


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 2, 5), (33, 3, 8), (2, 1, 130), (5, 0, 3)], ids=str)
def test_bit_for_bit(shape, device):
    found = uniform(torch.tensor(SEED, device=device), torch.tensor(STEP, device=device), *shape)
    assert torch.equal(found.cpu(), ss.random.uniform(shape, seed=SEED, step=STEP, backend="reference"))


@pytest.mark.parametrize("features", [3, 8])
def test_a_neuron_uses_them(features, device, short_chunks):
    """A current that shuts a saturated neuron off: the potential is exactly 0, and it fires where r < 1/2."""
    neuron = ss.SPSN(0.0, None, backend="triton").to(device)
    spikes = neuron(torch.zeros(20, 2, features, device=device), seed=SEED)
    draws = ss.random.uniform((20, 2, features), seed=SEED, backend="reference")
    assert torch.equal(spikes.cpu(), (draws < 0.5).float())


def test_split_and_carry(device):
    neuron = ss.SPSN(firing="gumbel", backend="triton").to(device)
    current = torch.randn(21, 2, 5, generator=torch.Generator().manual_seed(3)).to(device)
    first, state = neuron.advance(current[:8], seed=5)
    then, _ = neuron.advance(current[8:], state)
    assert torch.equal(torch.cat([first, then]), neuron(current, seed=5))
