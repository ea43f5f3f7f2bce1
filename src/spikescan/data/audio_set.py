"""A folder of sound files as a set of events, or of waveforms (`spikescan train audio --root DIR`).

A recording's spikes depend on the recording, its name and the options alone, not on the processes that share the work
(`audio_shards`). Waveforms (`front_end = "raw"`) take no longer to convert than to read, and are written at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spikescan.data.audio_files import Recording, recordings, table_of
from spikescan.data.audio_options import AudioOptions
from spikescan.data.audio_shards import Group, blocks, digest_of, in_groups, workers
from spikescan.data.dataset import Dataset
from spikescan.data.dense import write_dense
from spikescan.data.labels import LARGEST
from spikescan.data.saved import open_any
from spikescan.data.write import Progress, write_store
from spikescan.errors import InputError

LATEST = 2**32  # µs, 71 minutes


def from_audio(
    root: Path | str,
    *,
    part: str = "train",
    store: Path | str | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Dataset:
    """The recordings of a folder of wav and flac files as events, or (front_end="raw") as real-valued data;
    docs/own-data.md says how the folder may look.

    They are converted once, into the folder `store`, and mapped from there afterwards. Many files are converted by
    several processes: a script then needs ``if __name__ == "__main__":`` around what calls this.

    Args:
        root: the folder.
        part: "train", "test" or "valid". A folder without a test part has all of its recordings in "train".
        store: folder of the converted data sets; None: the user's cache.
        progress: called with (what, recordings done, recordings in all) while converting.
        options: what recipes have as [audio]: front_end, causal, channels, gain, coding, rate, pattern, test, csv,
            seed.

    Raises:
        InputError: naming the file or the option, for anything unsound.
    """
    from spikescan.data import catalog

    chosen = checked(options)
    splits = catalog.load("audio", root=root, store=store, progress=progress, audio=chosen)
    if not (folder := splits.folder / part).is_dir():
        there = ", ".join(sorted(path.name for path in splits.folder.iterdir()))
        raise InputError(f"part: {part!r}; the recordings of {root} make {there}")
    return Dataset.of(open_any(folder), name=splits.name)


def checked(options: dict[str, Any]) -> AudioOptions:
    """Options by name. InputError for what is unknown or cannot be."""
    from pydantic import ValidationError

    try:
        return AudioOptions.model_validate(options)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(["audio", *map(str, first["loc"])])
        why = first["msg"].removeprefix("Value error, ")
        raise InputError(f"{where}: {why}; choose from {', '.join(AudioOptions.model_fields)}") from None


def files(root: Path, options: AudioOptions) -> list[Path]:
    """All that is read of `root`."""
    table = table_of(root, options) if root.is_dir() else None
    found = [one.file for ones in recordings(root, options).values() for one in ones]
    return found if table is None else [table, *found]


def mark(options: AudioOptions) -> dict[str, Any]:
    """What a converted set depends on beside its files."""
    return options.model_dump(exclude={"rate"}) | options.settings()  # where a rate has a use, the settings have it


def shards(root: Path, store: Path, options: AudioOptions) -> Path:
    """The folder of a conversion's shards beside the set `store`."""
    return store.parent / f".audio-shards-{digest_of([str(root), options.settings()])}"


def convert(root: Path, folder: Path, progress: Progress | None, options: AudioOptions) -> None:
    """Write the parts of `root` as stores `folder`/train and so on. InputError, naming the file, for anything
    unsound."""
    parts, settings = recordings(root, options), options.settings()
    for ones in parts.values():
        for one in ones:
            _check_sound(one.file)
    names = _in_order(one.label for one in parts["train"])
    people = _speakers([one for ones in parts.values() for one in ones])

    def known(part: str) -> dict[str, Any]:
        """What a store takes beside the samples."""
        spoke = None if people is None else [people.numbers[one.fields["speaker"]] for one in parts[part]]
        return {
            "labels": np.array([names.index(one.label) for one in parts[part]]),
            "speakers": None if spoke is None else np.array(spoke),
            "source": f"{root}, {part}",
            "class_names": names,
            "speaker_names": None if people is None else people.names,
            "front_end": settings,
        }

    if options.front_end == "raw":
        for part, ones in parts.items():
            waves = _waves(ones, settings, f"{root}, {part}", progress)
            write_dense(folder / part, waves, channels=1, dt=1 / settings["rate"], **known(part))
        return
    place = shards(root, folder, options)
    groups = {part: [Group.of(group, settings, place) for group in in_groups(ones)] for part, ones in parts.items()}
    with workers([group for some in groups.values() for group in some]) as results:
        for part, ones in parts.items():
            made = blocks(groups[part], results, len(ones), f"{root}, {part}", progress)
            write_store(folder / part, made, channels=settings["channels"], ordered_channels=True, **known(part))


def _waves(
    ones: list[Recording], settings: dict[str, Any], what: str, progress: Progress | None
) -> Iterator[np.ndarray]:
    """(T, 1) float32 of each recording."""
    from spikescan import audio

    front = audio.from_settings(settings)
    for done, one in enumerate(ones, 1):
        samples, rate = audio.read(one.file)
        try:
            values = front(samples, rate)
        except InputError as error:
            raise InputError(f"{one.file}: {error}") from None
        yield values
        if progress:
            progress(what, done, len(ones))


@dataclass(frozen=True)
class _Speakers:
    numbers: dict[str, int]
    names: tuple[str, ...] | None  # None: they are numbers themselves


def _speakers(found: list[Recording]) -> _Speakers | None:
    """What each speaker is called in the store; None where nothing says who spoke."""
    with_one = [one for one in found if "speaker" in one.fields]
    if not with_one:
        return None
    names = _in_order(one.fields["speaker"] for one in with_one)
    if all(name == str(_number(name)) and int(name) <= LARGEST for name in names):
        return _Speakers({name: int(name) for name in names}, None)
    return _Speakers({name: number for number, name in enumerate(names)}, names)


def _in_order(names: Any) -> tuple[str, ...]:
    """Each name once; numbers by their size where all are numbers."""
    distinct = sorted(set(names))
    if all(_number(name) is not None for name in distinct):
        distinct.sort(key=lambda name: int(name))
    return tuple(distinct)


def _number(name: str) -> int | None:
    return int(name) if name.isascii() and name.isdigit() else None


def _check_sound(file: Path) -> None:
    """What the head of a file can tell, before hours are spent on the others."""
    import soundfile

    try:
        head = soundfile.info(str(file))
    except (soundfile.LibsndfileError, OSError, TypeError) as error:
        raise InputError(f"{file}: cannot be read as sound ({error})") from None
    if not head.frames:
        raise InputError(f"{file}: the recording has no samples")
    if head.frames / head.samplerate * 1e6 >= LATEST:
        raise InputError(
            f"{file}: {head.frames / head.samplerate:,.0f} s; recordings may last 71 minutes (32 bits of µs)"
        )
