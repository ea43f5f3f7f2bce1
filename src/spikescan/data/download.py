"""One file from the network: taken up again where it broke off, and checked before it counts as there."""

from __future__ import annotations

import hashlib
import http.client
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from spikescan.errors import InputError

Progress = Callable[[str, int, int | None], None]  # called with (file name, bytes so far, bytes in all if known)
_CHUNK = 2**20
_PATIENCE = 60  # seconds without a byte after which a connection is given up
_NOTHING_LEFT = 416  # the HTTP status for a range that begins at or after the end


@dataclass(frozen=True)
class Archive:
    """A file that a data set is published in."""

    url: str
    name: str  # of the file
    md5: str  # as published
    inner: tuple[str, ...] = ()  # archives inside it that hold the data


class _Broken(Exception):
    """A transfer ended early: why."""


def download(archive: Archive, folder: Path, progress: Progress | None = None) -> Path:
    """`folder`/name, downloaded and with the right checksum; at once where it was there already.

    What has come so far lies in name.part and is gone on from (by an HTTP range) by this call as long as there
    is progress, and by the next one. InputError, naming URL and checksum, where the server cannot be reached,
    where it breaks off twice at the same place, and for a wrong checksum; then the part is removed.
    """
    whole, part = folder / archive.name, folder / f"{archive.name}.part"
    if whole.is_file():
        return whole
    folder.mkdir(parents=True, exist_ok=True)
    done = False
    while not done:
        before = _size(part)
        try:
            _transfer(archive, part, progress)
            done = True
        except _Broken as error:
            if _size(part) <= before:
                kept = f"; {part} keeps {before} bytes, the same command continues from there" if before else ""
                raise InputError(f"{archive.url} (md5 {archive.md5}): {error}{kept}") from None
    _check(archive, part)
    os.replace(part, whole)
    return whole


def _transfer(archive: Archive, part: Path, progress: Progress | None) -> None:
    """Append to `part` what it lacks; from the start where the server knows no ranges. _Broken if it ends early."""
    have = _size(part)
    with _opened(archive.url, have) as response:
        if response is None:
            return  # nothing is left; the checksum decides
        done = have if response.status == http.client.PARTIAL_CONTENT else 0
        length = response.headers.get("Content-Length")
        total = None if length is None else done + int(length)
        with part.open("ab" if done else "wb") as out:
            for chunk in _chunks(response):
                out.write(chunk)
                done += len(chunk)
                if progress:
                    progress(archive.name, done, total)
            out.flush()
            os.fsync(out.fileno())
    if total is not None and done != total:
        raise _Broken(f"broke off after {done} of {total} bytes")


@contextmanager
def _opened(url: str, start: int) -> Iterator[http.client.HTTPResponse | None]:
    """The response for the bytes from `start` on; None where the server has no more than those before."""
    headers = {"User-Agent": "spikescan"} | ({"Range": f"bytes={start}-"} if start else {})
    try:
        response = urlopen(Request(url, headers=headers), timeout=_PATIENCE)
    except HTTPError as error:
        with error:
            if error.code != _NOTHING_LEFT or not start:
                raise _Broken(f"the server answers {error.code} {error.reason}") from None
        yield None
        return
    except (OSError, http.client.HTTPException) as error:
        raise _Broken(f"cannot be reached ({getattr(error, 'reason', None) or error})") from None
    with response:
        _check_range(response, start)
        yield response


def _check_range(response: http.client.HTTPResponse, start: int) -> None:
    if response.status == http.client.PARTIAL_CONTENT:
        given = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
        if given is None or int(given[1]) != start:
            raise _Broken(f"asked for bytes from {start} on, the server sent {given and given[1]}")


def _chunks(response: http.client.HTTPResponse) -> Iterator[bytes]:
    while True:
        try:
            chunk = response.read(_CHUNK)
        except (OSError, http.client.HTTPException) as error:
            raise _Broken(f"broke off ({error})") from None
        if not chunk:
            return
        yield chunk


def _check(archive: Archive, part: Path) -> None:
    with part.open("rb") as file:
        found = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if found != archive.md5:
        size = _size(part)
        part.unlink()
        raise InputError(
            f"{archive.url}: wrong checksum, {found} of {size} bytes where md5 {archive.md5} is published; "
            "nothing was installed, the same command fetches it anew"
        )


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0
