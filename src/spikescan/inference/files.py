"""From a file, or from arrays, to one recording as the network of a run was trained on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spikescan.data import npz, shd, vision
from spikescan.data.arrays import from_arrays
from spikescan.data.dataset import Dataset
from spikescan.data.dense import DenseStore
from spikescan.data.dense_arrays import from_dense
from spikescan.data.ragged import Spikes
from spikescan.data.sources import find
from spikescan.data.write import Block, hold_store
from spikescan.errors import InputError

if TYPE_CHECKING:
    from spikescan.inference.model import Model
    from spikescan.training.facts import Facts

SOUND = (".wav", ".flac")
HDF5 = (".h5", ".hdf5")

Named = tuple[str, Dataset]


def recordings(path: Path, model: Model, seed: int) -> Iterator[Named]:
    """(name, data set of one sample) for each recording in the file; see `Model.predict`."""
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    kind, facts = path.suffix.lower(), model.facts
    if kind in SOUND:
        if model.front_end is None:
            raise InputError(f"{path}: a sound, but {model.where} was trained on events")
        from spikescan import audio

        samples, rate = audio.read(path)
        yield str(path), of_sound(samples, rate, model, seed)
    elif kind in HDF5:
        yield from _named(path, _of_hdf5(path, facts))
    elif kind == ".npz":
        yield from _named(path, _of_npz(path, facts))
    elif (camera := find(facts.source).camera) is not None:
        (block,) = vision.samples(camera, [vision.Recording(path, 0)])
        yield str(path), _sample(block, facts)
    elif (samples := find(facts.source).samples) is not None:
        yield from _named(path, [of_values(sample, facts) for sample in samples(path)])
    else:
        known = "sound (.wav, .flac)" if facts.front_end else "HDF5 in SHD layout (.h5) and arrays (.npz)"
        raise InputError(f"{path}: not a format that {model.where} was trained on, which is {known}")


def _named(path: Path, found: list[Dataset]) -> Iterator[Named]:
    for number, recording in enumerate(found):
        yield str(path) if len(found) == 1 else f"{path}#{number}", recording


def of_arrays(times: Any, channels: Any, facts: Facts, unit: Any = "s") -> Dataset:
    """Events as a data set of one sample."""
    if facts.period is not None:
        raise InputError("times and channels: the run was trained on real-valued data; predict_values takes them")
    times, channels = np.asarray(times), np.asarray(channels)
    times = times if len(times) else times.astype(np.float64)
    channels = channels if len(channels) else channels.astype(np.int64)
    return from_arrays([times], [channels], [0], unit=unit, num_channels=facts.channels, name="recording")


def of_values(values: Any, facts: Facts) -> Dataset:
    """Real-valued data (T, C) or (T,) as a data set of one sample."""
    if facts.period is None:
        raise InputError("values: the run was trained on events; predict_arrays takes their times and channels")
    found = np.asarray(values, np.float32)
    found = found[:, None] if found.ndim == 1 else found
    if found.ndim != 2 or found.shape[1] != facts.channels:
        raise InputError(f"values: found shape {found.shape}; (T, {facts.channels}) is needed")
    return from_dense([found], [0], dt=facts.period, name="recording")


def of_sound(samples: np.ndarray, rate: int, model: Model, seed: int) -> Dataset:
    """What the run's front end makes of a sound, as a data set of one sample."""
    if model.front_end is None:
        raise InputError(f"{model.where}: trained on events, it has no front end for sound")
    made = model.front_end(samples, rate, seed=seed)
    if model.facts.period is not None:
        return of_values(made, model.facts)
    times, channels = made
    return of_arrays(times, channels, model.facts)


def sound_stream(model: Model, rate: int | None, seed: int) -> Any:
    """The run's front end, ready for the pieces of a sound."""
    if rate is None:
        raise InputError("rate: samples per second are needed, the run was trained on sound (--rate)")
    if not model.front_end.causal:
        kind = model.front_end.settings()["kind"]
        raise InputError(
            f"{model.where}: its front end, {kind}, needs the whole recording; train with --set audio.causal=true"
        )
    return model.front_end.stream(rate, seed=seed)


def front_end(settings: dict[str, Any]) -> Any:
    """The front end that a run was trained with."""
    from spikescan import audio

    return audio.from_settings(settings)


def _of_hdf5(path: Path, facts: Facts) -> list[Dataset]:
    with shd.opened(path) as source:
        times, units = (shd.ragged(path, source, name) for name in ("times", "units"))
        if len(times) != len(units):
            raise InputError(f"{path}: {len(times)} samples of spikes/times and {len(units)} of spikes/units")
        blocks = Spikes(path, times, units, facts.channels, None).blocks()
        return [_sample(part, facts) for block in blocks for part in _parts(block)]


def _parts(block: Block) -> Iterator[Block]:
    """Each sample of a block by itself."""
    ends = np.cumsum(block.counts)
    for first, end, count in zip(ends - block.counts, ends, block.counts, strict=True):
        yield Block(block.times[first:end], block.channels[first:end].astype(np.int64), np.array([count]))


def _sample(block: Block, facts: Facts) -> Dataset:
    store = hold_store(block, labels=np.zeros(1, np.int64), source="recording", sensor=facts.sensor)
    return Dataset.whole(store, name="recording", channels=facts.channels, classes=1)


def _of_npz(path: Path, facts: Facts) -> list[Dataset]:
    found = npz.read_unlabelled(path, facts.period)
    if (real := isinstance(found.store, DenseStore)) != (facts.period is not None):
        raise InputError(f"{path}: holds {'real-valued data' if real else 'events'}, which the run was not trained on")
    if found.channels > facts.channels or (real and found.channels != facts.channels):
        raise InputError(f"{path}: {found.channels} channels; the run was trained on {facts.channels}")
    known = replace(found, channels=facts.channels)
    return [known.subset([number]) for number in range(len(known))]
