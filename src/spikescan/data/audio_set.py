"""A folder of sound files as a set of events (`spikescan train audio --root DIR`).

Files are taken in groups, each by one process, and what the front end makes of a group is kept as a shard in a hidden
folder beside the store until that is whole: a conversion that was stopped goes on where it was. A recording's spikes
depend on the recording, its name and the options alone, not on the processes.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import threading
import zipfile
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spikescan.data.audio_files import Recording, recordings, table_of
from spikescan.data.audio_options import AudioOptions
from spikescan.data.dataset import Dataset
from spikescan.data.events import open_store
from spikescan.data.labels import LARGEST
from spikescan.data.write import Block, Progress, joined, write_store
from spikescan.errors import InputError

GROUP, GROUP_BYTES = 32, 2**24
"""Files that are converted together, and bytes of them: what a kill loses in each process."""
LATEST = 2**32  # µs, 71 minutes


def from_audio(
    root: Path | str,
    *,
    part: str = "train",
    store: Path | str | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Dataset:
    """The recordings of a folder of wav and flac files as events; docs/own-data.md says how the folder may look.

    They are converted once, into the folder `store`, and mapped from there afterwards. Many files are converted by
    several processes: a script then needs ``if __name__ == "__main__":`` around what calls this.

    Args:
        root: the folder.
        part: "train", "test" or "valid". A folder without a test part has all of its recordings in "train".
        store: folder of the converted data sets; None: the user's cache.
        progress: called with (what, recordings done, recordings in all) while converting.
        options: what recipes have as [audio]: front_end, causal, channels, gain, coding, pattern, test, csv, seed.

    Raises:
        InputError: naming the file or the option, for anything unsound.
    """
    from spikescan.data import catalog

    chosen = checked(options)
    splits = catalog.load("audio", root=root, store=store, progress=progress, audio=chosen)
    if not (folder := splits.folder / part).is_dir():
        there = ", ".join(sorted(path.name for path in splits.folder.iterdir()))
        raise InputError(f"part: {part!r}; the recordings of {root} make {there}")
    return Dataset.of(open_store(folder), name=splits.name)


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
    return options.model_dump() | options.settings()


def shards(root: Path, store: Path, options: AudioOptions) -> Path:
    """The folder of a conversion's shards beside the set `store`."""
    return store.parent / f".audio-shards-{_digest([str(root), options.settings()])}"


def convert(root: Path, folder: Path, progress: Progress | None, options: AudioOptions) -> None:
    """Write the parts of `root` as stores `folder`/train and so on. InputError, naming the file, for anything
    unsound."""
    parts, settings = recordings(root, options), options.settings()
    for ones in parts.values():
        for one in ones:
            _check_sound(one.file)
    place = shards(root, folder, options)
    groups = {part: [_Group.of(group, settings, place) for group in _groups(ones)] for part, ones in parts.items()}
    names = _in_order(one.label for one in parts["train"])
    people = _speakers([one for ones in parts.values() for one in ones])
    with _workers([group for some in groups.values() for group in some]) as results:
        for part, ones in parts.items():
            what = f"{root}, {part}"
            labels = [names.index(one.label) for one in ones]
            write_store(
                folder / part,
                _blocks(groups[part], results, len(ones), what, progress),
                labels=np.array(labels),
                speakers=None if people is None else np.array([people.numbers[one.fields["speaker"]] for one in ones]),
                source=what,
                class_names=names,
                speaker_names=None if people is None else people.names,
                channels=settings["channels"],
                ordered_channels=True,
                front_end=settings,
            )


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


def _groups(ones: list[Recording]) -> Iterator[list[Recording]]:
    group, size = [], 0
    for one in ones:
        group.append(one)
        size += one.file.stat().st_size
        if len(group) == GROUP or size >= GROUP_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


@dataclass(frozen=True)
class _Group:
    """Some files, what is to be made of them, and where the result is kept."""

    files: tuple[tuple[Path, int], ...]  # with the seed of each
    settings: dict[str, Any]
    shard: Path

    @classmethod
    def of(cls, group: list[Recording], settings: dict[str, Any], place: Path) -> _Group:
        stats = [one.file.stat() for one in group]
        seeded = tuple((one.file, _seed(settings["seed"], one.name)) for one in group)
        key = [
            [str(file), seed, stat.st_size, stat.st_mtime_ns] for (file, seed), stat in zip(seeded, stats, strict=True)
        ]
        return cls(seeded, settings, place / f"{_digest([settings, key])}.npz")

    def block(self) -> Block:
        """From the shard where it is whole, else converted."""
        try:
            with open(self.shard, "rb") as file, np.load(file, allow_pickle=False) as kept:
                return Block(kept["times"], kept["channels"], kept["counts"])
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):  # it is not there, or was cut off
            return self.convert()

    def convert(self) -> Block:
        from spikescan import audio

        front = audio.from_settings(self.settings)
        return joined(_spikes(front, file, seed) for file, seed in self.files)

    def keep(self) -> None:
        """Make the shard unless it is there."""
        if self.shard.exists():
            return
        block = self.convert()
        self.shard.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.shard.with_name(f"{self.shard.stem}.{os.getpid()}.partial")
        try:
            with open(temporary, "wb") as out:
                np.savez(out, times=block.times, channels=block.channels, counts=block.counts)
                out.flush()
                os.fsync(out.fileno())
            os.replace(temporary, self.shard)
        finally:
            temporary.unlink(missing_ok=True)


def _spikes(front: Any, file: Path, seed: int) -> Block:
    from spikescan import audio

    samples, rate = audio.read(file)
    try:
        times, channels = front(samples, rate, seed=seed)
    except InputError as error:
        raise InputError(f"{file}: {error}") from None
    return Block(np.rint(times * 1e6).astype(np.uint32), channels.astype(np.uint32), np.array([len(times)]))


def _seed(seed: int, name: str) -> int:
    """A recording's own, whichever others there are."""
    made = hashlib.blake2b(f"{seed} {name}".encode(), digest_size=8).digest()
    return int.from_bytes(made, "little", signed=True)


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def _blocks(
    groups: list[_Group], results: dict[Path, Future[None]], total: int, what: str, progress: Progress | None
) -> Iterator[Block]:
    done = 0
    for group in groups:
        try:
            results[group.shard].result() if results else group.keep()
        except BrokenProcessPool:
            raise InputError(
                "a process that converts recordings has ended: either memory ran out, or a script calls from_audio "
                "outside of `if __name__ == '__main__':`"
            ) from None
        yield group.block()
        done += len(group.files)
        if progress:
            progress(what, done, total)


@contextmanager
def _workers(groups: list[_Group]) -> Iterator[dict[Path, Future[None]]]:
    """What becomes of each group, by its shard; nothing for few files, which do not pay for the start of processes."""
    waiting = [group for group in groups if not group.shard.exists()]
    processes = min(_cores(), len(waiting))
    if processes < 2 or len(groups) < 4:
        yield {}
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(processes, mp_context=context, initializer=_begin)
    try:
        yield {group.shard: pool.submit(group.keep) for group in groups}
    finally:
        pool.shutdown(cancel_futures=True)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _begin() -> None:
    """In a new process: one thread, and an end when the parent has been killed, which the pool's pipes do not tell."""
    import torch

    torch.set_num_threads(1)
    threading.Thread(target=_follow_parent, daemon=True).start()


def _follow_parent() -> None:
    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
        os._exit(1)
