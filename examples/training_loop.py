"""A training loop of your own on events from arrays: two gestures, told apart by the order in which channels fire."""

import numpy as np
import torch
from torch.nn import functional as F

import spikescan as ss

rng = np.random.default_rng(0)
labels = rng.integers(0, 2, 240)
times = [np.sort(rng.uniform(0, 0.4, 80)) for _ in labels]  # seconds
channels = [
    np.where((t < 0.2) == label, rng.integers(0, 8, 80), rng.integers(8, 16, 80)) for t, label in zip(times, labels)
]
data = ss.data.from_arrays(times, channels, labels, class_names=("up", "down"))
train, test = data.split(0.25, seed=0)
dt = train.suggested_dt()

torch.manual_seed(0)
network = ss.networks.SpikingMLP(
    data.channels, (64,), data.classes, neuron=lambda: ss.SPSN(8 * dt, 8 * dt, dt, firing="gumbel"), norm=True
)
optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
for epoch in range(12):
    for batch in ss.data.batches(train, batch_size=32, dt=dt, shuffle=True, seed=epoch):
        output = network.run(batch.events, lengths=batch.lengths)
        loss = F.cross_entropy(ss.readout(output.readout, "mean", lengths=batch.lengths), batch.labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

network.eval()
with torch.no_grad():
    (batch,) = ss.data.batches(test, batch_size=len(test), dt=dt)
    scores = ss.readout(network.run(batch.events, lengths=batch.lengths, seed=0).readout, "mean", lengths=batch.lengths)
print(f"{100 * (scores.argmax(1) == batch.labels).float().mean():.1f} % of {len(test)} test recordings")
