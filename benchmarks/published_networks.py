"""One training step of the MPE-PSN paper's networks at their published sizes: seconds and peak memory, each in a
process of its own.

    python benchmarks/published_networks.py [gesture|vgg]
"""

import resource
import subprocess
import sys
import time

import torch
from torch.nn import functional as F

import spikescan as ss
from spikescan.networks import VGG, GestureNet

NETWORKS = {
    "gesture": lambda: GestureNet(
        classes=11, neuron=lambda: ss.MPEPSN(steps=16, estimate="current"), sensor=(2, 64, 64)
    ),
    "vgg": lambda: VGG(classes=10, neuron=lambda: ss.MPEPSN(steps=16), sensor=(2, 64, 64)),
}


def step(name: str) -> None:
    network = NETWORKS[name]()
    optimiser = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9)
    frames, labels = torch.poisson(torch.full((16, 8, 2, 64, 64), 0.1)), torch.randint(10, (8,))  # (T, B, P, H, W)
    begin = time.perf_counter()
    output = network.run(frames, seed=1)
    F.cross_entropy(output.readout.mean(0), labels).backward()
    optimiser.step()
    seconds, peak = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    weights = sum(parameter.numel() for parameter in network.parameters())
    print(f"{name}: T=16, B=8, 64x64, {weights:,} parameters: {seconds:.1f} s, peak {peak:.2f} GiB, "
          f"{torch.get_num_threads()} threads, torch {torch.__version__}")  # fmt: skip


if len(sys.argv) == 2:
    step(sys.argv[1])
else:
    for name in NETWORKS:
        subprocess.run([sys.executable, __file__, name], check=True)
