"""Augmentation of event-camera samples, on coordinates: zero-padding and random crop, mirror image, lost events.

Cropping a padded picture at random is shifting it by up to the padding, and events that leave the sensor are
lost: no picture is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from spikescan.data.augment import Coordinates


class Moves(NamedTuple):
    """What happens to each sample, (B,) each."""

    down: np.ndarray  # pixels
    right: np.ndarray  # pixels
    mirrored: np.ndarray  # left to right, before it is moved


@dataclass(frozen=True)
class CameraAugmentation:
    """How far samples of a camera are changed; the defaults are those of the MPE-PSN experiments.

    One shift and one mirror image a sample, the same for all its steps. Fits where channels are not pooled.
    """

    sensor: tuple[int, int, int]  # polarities, height, width
    padding: int = 4  # shifts are whole pixels, uniform in +-padding, on each axis
    flip: float = 0.5  # probability of the mirror image
    drop: float = 0.0  # share of the events that is lost, each by a chance of its own

    def __post_init__(self) -> None:
        if self.padding < 0 or self.padding != int(self.padding):
            raise ValueError(f"padding is {self.padding}, must be a whole number of pixels, at least 0")
        if not 0 <= self.flip <= 1:
            raise ValueError(f"flip is {self.flip}, not in [0, 1]")
        if not 0 <= self.drop < 1:
            raise ValueError(f"drop is {self.drop}, not in [0, 1)")

    def __call__(self, events: Coordinates, lengths: np.ndarray, channels: int, seed: int) -> Coordinates:
        """The events that are left, in their order; a pure function of the arguments."""
        polarities, height, width = self.sensor
        if channels != polarities * height * width:
            raise ValueError(f"sensor is {self.sensor}, which are not the {channels} channels of the batch")
        generator = np.random.default_rng(seed % 2**64)
        moved = move(events, self.sensor, self._draw(len(lengths), generator))
        if not self.drop:
            return moved
        kept = generator.random(len(moved.step)) >= self.drop
        return Coordinates(*(column[kept] for column in moved))

    def draw(self, samples: int, seed: int) -> Moves:
        """What happens to each of so many samples; a pure function of the arguments."""
        return self._draw(samples, np.random.default_rng(seed % 2**64))

    def _draw(self, samples: int, generator: np.random.Generator) -> Moves:
        down, right = generator.integers(-self.padding, self.padding, (2, samples), endpoint=True)
        return Moves(down, right, generator.random(samples) < self.flip)


def move(events: Coordinates, sensor: tuple[int, int, int], moves: Moves) -> Coordinates:
    """Mirror and shift sample i by moves[i]; what leaves the sensor is lost."""
    _, height, width = sensor
    row = events.row
    plane, x = np.divmod(events.channel, width)
    polarity, y = np.divmod(plane, height)
    x = np.where(moves.mirrored[row], width - 1 - x, x) + moves.right[row]
    y = y + moves.down[row]
    kept = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    moved = Coordinates(events.step, row, (polarity * height + y) * width + x)
    return Coordinates(*(column[kept] for column in moved))
