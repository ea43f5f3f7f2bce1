"""Many sound files to spikes, by several processes, in pieces that survive a kill.

Files are taken in groups, each by one process, and what the front end makes of a group is kept as a shard in a hidden
folder beside the store until that is whole: a conversion that was stopped goes on where it was.
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

from spikescan.data.audio_files import Recording
from spikescan.data.write import Block, Progress, joined
from spikescan.errors import InputError

GROUP, GROUP_BYTES = 32, 2**24
"""Files that are converted together, and bytes of them: what a kill loses in each process."""


def in_groups(ones: list[Recording]) -> Iterator[list[Recording]]:
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
class Group:
    """Some files, what is to be made of them, and where the result is kept."""

    files: tuple[tuple[Path, int], ...]  # with the seed of each
    settings: dict[str, Any]
    shard: Path

    @classmethod
    def of(cls, group: list[Recording], settings: dict[str, Any], place: Path) -> Group:
        stats = [one.file.stat() for one in group]
        seeded = tuple((one.file, _seed(settings["seed"], one.name)) for one in group)
        key = [
            [str(file), seed, stat.st_size, stat.st_mtime_ns] for (file, seed), stat in zip(seeded, stats, strict=True)
        ]
        return cls(seeded, settings, place / f"{digest_of([settings, key])}.npz")

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


def digest_of(content: Any) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def blocks(
    groups: list[Group], results: dict[Path, Future[None]], total: int, what: str, progress: Progress | None
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
def workers(groups: list[Group]) -> Iterator[dict[Path, Future[None]]]:
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
