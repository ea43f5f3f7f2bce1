"""A tiny set in N-MNIST's layout: three classes, each busy in a corner of its own."""

from pathlib import Path

import numpy as np

DIGITS = 0, 1, 2
CORNERS = {0: (4, 4), 1: (24, 4), 2: (4, 24)}


def recording(rng: np.random.Generator, digit: int) -> bytes:
    """40 bits an event: x, y, then polarity and 23 bits of time, highest first."""
    count = int(rng.integers(150, 250))
    t = np.sort(rng.integers(0, 300_000, count))
    place = np.array(CORNERS[digit]) + rng.integers(0, 7, (count, 2))
    noise = rng.random(count) < 0.2
    place[noise] = rng.integers(0, 34, (int(noise.sum()), 2))
    p = rng.integers(0, 2, count)
    columns = [place[:, 0], place[:, 1], (p << 7) | (t >> 16), (t >> 8) & 255, t & 255]
    return np.stack(columns, axis=1).astype(np.uint8).tobytes()


def write_set(root: Path, train: int = 14, test: int = 4) -> Path:
    rng = np.random.default_rng(0)
    for split, each in (("Train", train), ("Test", test)):
        for digit in DIGITS:
            folder = root / split / str(digit)
            folder.mkdir(parents=True)
            for number in range(each):
                (folder / f"{number:05}.bin").write_bytes(recording(rng, digit))
    return root
