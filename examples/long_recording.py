"""A recording of a million steps: trained in the memory of one chunk, with exact gradients."""

import sys

import torch
from torch.nn import functional as F

import spikescan as ss
from spikescan.networks import SpikingMLP

steps = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
torch.manual_seed(0)
network = SpikingMLP(inputs=8, hidden=(32,), classes=2)
optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
recording, label = (torch.rand(steps, 1, 8) < 0.05).float(), torch.tensor([1])  # (T, B, channels)

for epoch in range(2):
    # What is summed over time is all that is kept; the mean over time is the readout of the SPSN paper.
    total, state = ss.chunked(network, chunk=2000).accumulate(
        recording, lambda output, first: output.readout.sum(0), seed=epoch
    )
    loss = F.cross_entropy(total / steps, label)
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    print(f"epoch {epoch + 1}: loss {loss.item():.3f} after {int(state.layers[0].step):,} steps")
