"""What a run knows about its data, in data.json: enough to build its network and to read a recording, without them."""

from __future__ import annotations

import hashlib
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from spikescan.errors import InputError

if TYPE_CHECKING:
    from spikescan.data.catalog import Splits
    from spikescan.data.dataset import Dataset, Store

VERSION = 1


class Facts(BaseModel):
    """Written when a run begins; part of what a resumed run must agree with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int = VERSION
    name: str
    """What the data are called: a known set, or the folder of a user's own."""
    source: str
    """The name that the data set has in recipes, which says how its files are read."""
    channels: int
    classes: int
    class_names: tuple[str, ...]
    sensor: tuple[int, int, int] | None = None
    """(polarities, height, width) of an event camera."""
    period: float | None = None
    """Seconds of a step of real-valued data; None: events."""
    front_end: dict[str, Any] | None = None
    """Settings of what makes spikes, or values, of sound."""
    digests: dict[str, str] = {}
    """A digest of each split's samples, whatever folder they are in."""


def read(file: Path) -> Facts:
    """The facts in ``file``; InputError where there are none of this version."""
    try:
        facts = Facts.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        raise InputError(
            f"{file}: no such file; the run was made by a version of spikescan that did not write it, or never began"
        ) from None
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror})") from None
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"{file}: damaged, {'.'.join(map(str, first['loc']))} {first['msg']}") from None
    if facts.version != VERSION:
        raise InputError(f"{file}: format version {facts.version} where this spikescan reads {VERSION}")
    return facts


def of_data(splits: Splits, source: str) -> Facts:
    """All but the digests, which take a pass over the data."""
    meta: Any = splits.train.store.meta
    return Facts(
        name=splits.name,
        source=source,
        channels=splits.channels,
        classes=splits.classes,
        class_names=splits.class_names,
        sensor=splits.sensor,
        period=getattr(meta, "dt", None),
        front_end=getattr(meta, "front_end", None),
    )


def digests(splits: dict[str, Dataset]) -> dict[str, str]:
    """Of each split's samples, by its name; a store that two splits share is read once."""
    contents = {id(part.store): _content(part.store) for part in splits.values()}
    return {name: _digest(contents[id(part.store)], part.indices) for name, part in splits.items()}


def digest(dataset: Dataset) -> str:
    """Of every sample's content and label, as 32 hexadecimal digits."""
    return _digest(_content(dataset.store), dataset.indices)


def _digest(content: bytes, indices: np.ndarray) -> str:
    return hashlib.blake2b(content + np.ascontiguousarray(indices).tobytes(), digest_size=16).hexdigest()


def _content(store: Store) -> bytes:
    """A digest of a whole store."""
    found = hashlib.blake2b(digest_size=16)
    for field in fields(store):
        column = getattr(store, field.name)
        if isinstance(column, np.ndarray):
            found.update(f"{field.name} {column.dtype} {column.shape}".encode())
            found.update(np.ascontiguousarray(column).data)
    return found.digest()
