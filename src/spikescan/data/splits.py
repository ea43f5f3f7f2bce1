"""Which training samples are held out to choose an epoch. Every split is a pure function of its arguments."""

from __future__ import annotations

import numpy as np

from spikescan.data.events import EventStore
from spikescan.data.images import ImageStore
from spikescan.errors import InputError

Split = tuple[np.ndarray, np.ndarray]  # indices of (training, validation) samples, each rising


def validation_split(
    store: EventStore | ImageStore, *, fraction: float = 0.1, seed: int = 0, speaker: int | None = None
) -> Split:
    """(training, validation) indices of a store.

    With `speaker` everything that one person said is held out. Otherwise `fraction` of the samples, in
    proportion from every label and, where speakers are known, from every speaker within the label.
    """
    if speaker is not None:
        return by_speaker(store.speakers, speaker)
    if not 0 <= fraction < 1:
        raise InputError(f"validation fraction is {fraction}, must be in [0, 1)")
    split = stratified(store.labels, fraction, seed, within=store.speakers)
    if fraction > 0 and not len(split[1]):
        raise InputError(f"a validation fraction of {fraction} leaves nothing of {len(store)} samples")
    return split


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
