"""Which training samples are held out to choose an epoch. Every split is a pure function of its arguments."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from spikescan.errors import InputError

Split = tuple[np.ndarray, np.ndarray]  # indices of (training, validation) samples, each rising


class Labelled(Protocol):
    """A store or a `Dataset`: what a split asks of samples."""

    @property
    def labels(self) -> np.ndarray: ...
    @property
    def speakers(self) -> np.ndarray | None: ...
    def __len__(self) -> int: ...


def validation_split(samples: Labelled, *, fraction: float = 0.1, seed: int = 0, speaker: int | None = None) -> Split:
    """(training, validation) indices of `samples`.

    With `speaker` everything that one person said is held out. Otherwise `fraction` of the samples, in
    proportion from every label and, where speakers are known, from every speaker within the label.
    """
    if speaker is not None:
        return by_speaker(samples.speakers, speaker)
    if not 0 <= fraction < 1:
        raise InputError(f"validation fraction is {fraction}, must be in [0, 1)")
    labels = np.asarray(samples.labels)
    split = stratified(labels, fraction, seed, within=samples.speakers)
    if fraction > 0 and not len(split[1]):
        raise InputError(
            f"a validation fraction of {fraction} leaves nothing of {len(samples)} samples: "
            f"{_remedy(labels, fraction, seed, samples.speakers)}"
        )
    return split


def _remedy(labels: np.ndarray, fraction: float, seed: int, within: np.ndarray | None) -> str:
    """What to do where `fraction` is too small."""
    for larger in np.arange(np.ceil(fraction * 100), 100) / 100:
        if len(stratified(labels, float(larger), seed, within)[1]):
            return f"take at least {larger:g} (--set protocol.validation={larger:g} on the command line)"
    return "no class has a second sample; give at least two of a class, or a split of your own"


def stratified(labels: np.ndarray, fraction: float, seed: int, within: np.ndarray | None = None) -> Split:
    """Hold out `fraction` of the samples at random, evenly over labels (n,) and over `within` (n,) inside a
    label.

    Systematic sampling: in the order (label, within, chance) the k-th sample is held out where k * fraction
    passes a half-integer, so that each group's share is right to within one sample. A label always keeps one
    for training.
    """
    size = len(labels)
    chance = np.random.default_rng(seed % 2**64).permutation(size)
    order = np.lexsort((chance, np.zeros(size) if within is None else within, labels))
    held = np.diff(np.floor(np.arange(size + 1) * fraction + 0.5)) > 0
    first, counts = np.unique(labels[order], return_index=True, return_counts=True)[1:]
    taken = np.bincount(np.repeat(np.arange(len(first)), counts), weights=held, minlength=len(first))
    held[first[taken == counts]] = False
    return np.sort(order[~held]), np.sort(order[held])


def by_speaker(speakers: np.ndarray | None, held_out: int) -> Split:
    """Hold out every sample of one speaker; for an unknown or an only one InputError, naming the known."""
    if speakers is None:
        raise InputError(f"speaker {held_out} cannot be held out: this data set does not say who speaks")
    known = np.unique(speakers)
    if held_out not in known or len(known) < 2:
        listing = ", ".join(map(str, known))
        raise InputError(f"speaker {held_out} cannot be held out: this data set has the speakers {listing}")
    return np.flatnonzero(speakers != held_out), np.flatnonzero(speakers == held_out)


def first_of_each(labels: np.ndarray, chosen: np.ndarray, limit: int) -> np.ndarray:
    """Of the indices `chosen`, the first `limit` of every label; in their order."""
    order = np.argsort(labels[chosen], kind="stable")
    starts, counts = np.unique(labels[chosen][order], return_index=True, return_counts=True)[1:]
    rank = np.arange(len(chosen)) - np.repeat(starts, counts)
    return chosen[np.sort(order[rank < limit])]
