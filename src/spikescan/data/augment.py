"""Augmentation of binned events, before anything dense exists: the protocol, and that of the SPSN paper.

The paper's (section III-C: random scale, random shift) is done on events, not on images.

As an image, output bin t' of a sample shows source bin s(t') = floor((t' - c) / f + c + 1/2), c the centre:
nearest neighbour. Seen from the events, source bin t goes to every t' with s(t') = t: one, none or several.
Since s rises, those t' are neighbours, so a first place and a number for each source bin say everything, and
each event is shown (number along time) x (number along channels) times.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import NamedTuple, Protocol

import numpy as np

from spikescan import native


class Coordinates(NamedTuple):
    """Binned events of a batch, (E,) integers each: int64 as a `BatchMaker` makes them."""

    step: np.ndarray
    row: np.ndarray
    channel: np.ndarray


class Axis(NamedTuple):
    """Where the bins along one axis of some images go: bin k of row i to number[start[i] + k] bins from
    first[start[i] + k] on. Integers; a row's bins lie behind those of the one before."""

    start: np.ndarray  # (B + 1,), the last entry is where all end
    first: np.ndarray  # (bins,)
    number: np.ndarray  # (bins,)


class Augment(Protocol):
    """What a `BatchMaker` takes: a pure function of its arguments, picklable, that leaves rows in their order."""

    def __call__(self, events: Coordinates, lengths: np.ndarray, channels: int, seed: int) -> Coordinates:
        """The events of samples with lengths (B,) steps and so many channels, changed by chance; a batch takes over
        the arrays."""
        ...


@dataclass(frozen=True)
class Augmentation:
    """How far samples are scaled and shifted; the published values."""

    scale: float = 0.3  # a factor uniform in [1 - scale, 1 + scale] for each sample, both axes
    shift: float = 0.1  # uniform in +-shift * channels for each sample, rounded to whole channels
    ordered: bool = True  # whether neighbouring channels are alike; if not, only time is scaled

    def __post_init__(self) -> None:
        if not 0 <= self.scale < 1:
            raise ValueError(f"scale is {self.scale}, not in [0, 1)")
        if not 0 <= self.shift <= 1:
            raise ValueError(f"shift is {self.shift}, not in [0, 1]")

    def __call__(self, events: Coordinates, lengths: np.ndarray, channels: int, seed: int) -> Coordinates:
        """Each sample scaled and shifted by what `draw` gives."""
        factor, shift = self.draw(len(lengths), channels, seed)
        return scale_shift(events, lengths, channels, factor, shift, self.ordered)

    def draw(self, samples: int, channels: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """(factor, shift in channels) for each sample, (B,) each; a pure function of the arguments."""
        generator = np.random.default_rng(seed % 2**64)
        factor = generator.uniform(1 - self.scale, 1 + self.scale, samples)
        reach = self.shift * channels
        return factor, np.rint(generator.uniform(-reach, reach, samples)).astype(np.int64)


def scale_shift(
    events: Coordinates,
    lengths: np.ndarray,
    channels: int,
    factor: np.ndarray,
    shift: np.ndarray,
    ordered: bool = True,
) -> Coordinates:
    """Scale sample i by factor[i] about the centre of its lengths[i] x channels image, then shift by shift[i]
    channels.

    lengths (B,) steps of each sample; factor (B,) > 0; shift (B,) whole channels. Lengths stay; what leaves
    the image is lost. Counts are those of the scaled image: an event that goes to six bins counts once in
    each. Channels that are not `ordered` stay where they are. Returns int32. Raises ValueError for columns or
    samples that are not as many, and for a negative length.
    """
    for columns in (events._asdict(), {"lengths": lengths, "factor": factor, "shift": shift}):
        sizes = {name: len(column) for name, column in columns.items()}
        if len(set(sizes.values())) > 1:
            raise ValueError(f"{', '.join(sizes)}: one each is needed, found {sizes}")
    if lengths.min(initial=0) < 0:
        raise ValueError(f"lengths: 0 steps or more are needed, found {lengths.min()}")
    kernels = import_module(f"spikescan.data.{'_reference_events' if native.missing() else '_native_events'}")
    time = kernels.targets(lengths, factor, np.zeros_like(shift))
    across = (factor, shift) if ordered else (np.ones_like(factor), np.zeros_like(shift))
    return kernels.show(events, time, kernels.targets(np.full_like(lengths, channels), *across))


def ragged_arange(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For counts (n,): (owner 0 to n - 1, place within that owner) of each entry, both (sum(counts),)."""
    owner = np.repeat(np.arange(len(counts)), counts)
    return owner, np.arange(len(owner)) - (np.cumsum(counts) - counts)[owner]
