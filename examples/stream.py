"""The same trained network on a stream: a step at a time, with the state carried by hand."""

import torch

from spikescan.networks import SpikingMLP

torch.manual_seed(0)
network = SpikingMLP(inputs=20, hidden=(64, 64), classes=5).eval()
recording = (torch.rand(300, 1, 20) < 0.1).float()

with torch.no_grad():
    whole = network.run(recording, seed=3).readout  # all steps at once
    state, potentials = network.initial_state(3), []
    for step in recording.split(1):
        output = network.run(step, state)
        state = output.state
        potentials.append(output.readout)

difference = (torch.cat(potentials) - whole).abs().max()
print(f"largest difference of step by step and all at once: {difference:.1e}")
