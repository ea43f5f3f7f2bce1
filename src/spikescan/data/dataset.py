"""Samples that can be batched, split and looked at, whatever they were made from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike

from spikescan.data import splits
from spikescan.data.dense import DenseStore
from spikescan.data.events import NO_ITEMS, EventStore
from spikescan.data.images import ImageStore
from spikescan.errors import InputError

if TYPE_CHECKING:
    from spikescan.data.statistics import Statistics

Store = EventStore | DenseStore | ImageStore


@dataclass(frozen=True, eq=False)
class Dataset:
    """Some samples of a store, and what is true of the whole set that they belong to.

    Make one with `from_arrays`, `from_dense`, `from_hdf5` or `load` of `spikescan.data`. A subset or a split shares the
    store: nothing is copied. It pickles with a mapped store as its path, and with one in memory as its arrays.
    """

    store: Store
    indices: np.ndarray  # (n,) int64, which samples of the store; in the order in which they are batched
    name: str
    channels: int  # input channels
    classes: int
    class_names: tuple[str, ...]  # one a class
    sensor: tuple[int, int, int] | None = None  # (polarities, height, width) of an event camera
    ordered_channels: bool = False  # neighbours are alike, as a cochlea's are: samples may be shifted along them

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: object) -> NoReturn:
        raise TypeError(f"data set {self.name}: {NO_ITEMS}")

    def __repr__(self) -> str:
        return (
            f"Dataset({self.name!r}: {len(self)} samples, {self.channels} channels, {self.classes} classes, "
            f"{type(self.store).__name__})"
        )

    @classmethod
    def whole(cls, store: Store, *, name: str, channels: int, classes: int, **known: Any) -> Dataset:
        """Every sample of `store`; class names are the store's, or the numbers."""
        names = store.meta.class_names or tuple(map(str, range(classes)))
        known.setdefault("sensor", store.meta.sensor)
        known.setdefault("ordered_channels", store.meta.ordered_channels)
        return cls(store, np.arange(len(store)), name, channels, classes, names[:classes], **known)

    @classmethod
    def of(cls, store: Store, *, name: str) -> Dataset:
        """Every sample of `store`, with as many channels and classes as it says, or has."""
        classes = max(len(store.meta.class_names or ()), int(store.labels.max(initial=-1)) + 1)
        channels = store.meta.channels or max(store.meta.largest_channel + 1, 1)
        return cls.whole(store, name=name, channels=channels, classes=classes)

    @property
    def labels(self) -> np.ndarray:
        """Class of each sample, (n,) int64."""
        return np.asarray(self.store.labels)[self.indices]

    @property
    def speakers(self) -> np.ndarray | None:
        """Who was recorded, (n,) int64; None where that is not known."""
        return None if self.store.speakers is None else np.asarray(self.store.speakers)[self.indices]

    @property
    def speaker_names(self) -> tuple[str, ...] | None:
        """A name for each number in `speakers`; None where they are numbers only."""
        return self.store.meta.speaker_names

    @property
    def counts(self) -> np.ndarray:
        """Events of each sample, (n,) int64; 0 for real-valued data."""
        return self.store.counts[self.indices]

    @property
    def durations(self) -> np.ndarray:
        """µs of each sample, (n,) int64."""
        return self.store.durations[self.indices]

    def sample(self, index: int) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """What the store holds of one sample: (times in µs, channels) of its events, values (T, C), or pixels."""
        return self.store.sample(int(self.subset([index]).indices[0]))

    def subset(self, indices: ArrayLike) -> Dataset:
        """The samples `indices`: numbers from 0, or a bool for each sample. IndexError for one that is not there."""
        chosen = np.asarray(indices)
        if chosen.dtype == bool:
            if chosen.shape != (len(self),):
                raise IndexError(f"indices: bools of shape {chosen.shape} for {len(self)} samples")
            chosen = np.flatnonzero(chosen)
        if chosen.ndim != 1 or (len(chosen) and chosen.dtype.kind not in "iu"):
            raise IndexError(
                f"indices: found {chosen.dtype} of shape {chosen.shape}, not one axis of integers or bools"
            )
        chosen = chosen.astype(np.int64)
        if len(wrong := chosen[(chosen < 0) | (chosen >= len(self))]):
            raise IndexError(f"indices: no sample {wrong[0]}; data set {self.name} has {len(self)}")
        return replace(self, indices=self.indices[chosen])

    def split(
        self, fraction: float = 0.2, *, seed: int = 0, speaker: int | str | None = None
    ) -> tuple[Dataset, Dataset]:
        """(the rest, what is held out): a share of every class, drawn by `seed`, or everything of one speaker.

        Raises:
            InputError: where that leaves nothing, or the speaker is not known; says what can be done.
        """
        number = None if speaker is None else self._speaker(speaker)
        rest, held = splits.validation_split(self, fraction=fraction, seed=seed, speaker=number)
        return self.subset(rest), self.subset(held)

    def _speaker(self, speaker: int | str) -> int:
        if not isinstance(speaker, str):
            return speaker
        names = self.speaker_names or ()
        if speaker not in names:
            known = ", ".join(names) or "none by name"
            raise InputError(f"speaker {speaker!r} cannot be held out: data set {self.name} has the speakers {known}")
        return names.index(speaker)

    def first_of_each(self, limit: int) -> Dataset:
        """The first `limit` samples of every class, in their order."""
        return self.subset(splits.first_of_each(self.labels, np.arange(len(self)), limit))

    def suggested_dt(self) -> float:
        """Seconds of a time step that suit the data, by the rule of `spikescan.data.bins.suggested_dt`."""
        from spikescan.data.bins import suggested_dt

        return suggested_dt(self)

    def statistics(self) -> Statistics:
        """Durations, events, channels, classes and warnings; see `spikescan.data.statistics`."""
        from spikescan.data.statistics import Statistics

        return Statistics.of(self)

    def save(self, folder: Path | str) -> Path:
        """Write these samples as the new folder `folder`, whole or not at all; `spikescan.data.load` opens it."""
        from spikescan.data.saved import save

        return save(self, folder)
