"""How large the benchmark is: the demanded sizes, and small ones that show that it works."""

from __future__ import annotations

from dataclasses import dataclass, replace

Shape = tuple[int, int, int]  # T, B, N


@dataclass(frozen=True)
class Sizes:
    """`budget`: seconds that a row's repetitions may take beyond the least; `patience`: seconds beyond which a step of
    a baseline is predicted and not taken; `elements`: T·B·N up to which the map goes; `judged`: whether figures are
    held against what is demanded."""

    name: str = "full"
    layer: Shape = (1000, 64, 128)
    device_layer: Shape = (1000, 256, 512)
    device_long: Shape = (10_000, 64, 128)
    estimation: Shape = (16, 1, 2**16)
    flat_steps: tuple[int, ...] = (100, 1000, 10_000, 100_000, 1_000_000)
    flat_layer: tuple[int, int] = (64, 128)  # B, N
    flat_chunks: tuple[int, ...] = (500, 1000)  # the first is judged
    chunk: int = 1000
    grown: tuple[int, int, int] = (5, 50, 1000)  # chunks of the sequences whose memory is measured
    memory: Shape = (10_000, 8, 128)
    recordings: int = 2700
    batch: int = 64
    map_steps: tuple[int, ...] = (32, 64, 256, 1024, 4096, 16_384)
    map_neurons: tuple[int, ...] = (8, 32, 128, 512, 2048, 8192, 32_768, 65_536)
    elements: int = 2**25
    budget: float = 2.0
    patience: float = 10.0
    judged: bool = True


FULL = Sizes()
QUICK = Sizes(
    name="quick",
    layer=(200, 8, 64),
    device_layer=(200, 16, 64),
    device_long=(500, 4, 64),
    estimation=(16, 1, 2**12),
    flat_steps=(100, 1000, 10_000),
    flat_layer=(4, 32),
    flat_chunks=(500,),
    chunk=500,
    grown=(5, 50, 100),
    memory=(500, 4, 64),
    recordings=64,
    batch=16,
    map_steps=(32, 128, 512),
    map_neurons=(8, 128, 1024, 8192),
    elements=2**20,
    budget=0.1,
    patience=1.0,
    judged=False,
)
INTERPRETED = replace(
    QUICK,
    name="interpreted",
    layer=(8, 2, 8),
    device_layer=(8, 2, 8),
    device_long=(20, 2, 8),
    memory=(40, 2, 8),
    map_steps=(4, 8),
    map_neurons=(8,),
    budget=0.0,
)
"""For Triton's interpreter, in which a step of a layer takes a tenth of a second."""
