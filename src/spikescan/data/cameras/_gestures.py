"""The text files of the original DVS128 Gesture recordings: which trials there are, and what is shown when."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from spikescan.data.vision import Recording
from spikescan.errors import InputError

LISTS = {"train": "trials_to_train.txt", "test": "trials_to_test.txt"}
_PERSON = re.compile(r"user(\d+)_\w+")


def trials(root: Path, split: str, classes: int) -> list[Recording]:
    """One recording for each line of the annotations of the listed trials; labels from 0."""
    file = root / LISTS[split]
    names = _names(file)
    if shared := set(names) & set(_names(root / LISTS["test" if split == "train" else "train"])):
        raise InputError(f"{file}: {min(shared)} is listed for training and for testing")
    return [gesture for name in names for gesture in _gestures(file, root / name, classes)]


def person(path: Path) -> int:
    """The number in `user01_fluorescent`."""
    if (match := _PERSON.fullmatch(path.name.removesuffix(".aedat"))) is None:
        raise InputError(f"{path}: a recording of DVS128 Gesture is named user<number>_<light>")
    return int(match[1])


def _names(file: Path) -> list[str]:
    names = _text(file).split()
    if not names:
        raise InputError(f"{file}: lists no recordings")
    return names


def _gestures(listed: Path, file: Path, classes: int) -> list[Recording]:
    subject = person(file)
    if file.suffix != ".aedat" or not file.is_file():
        raise InputError(f"{file}: no such recording, though {listed.name} lists it")
    annotation = file.with_name(f"{file.stem}_labels.csv")
    lines = list(csv.reader(_text(annotation).splitlines()))
    found = []
    for number, line in enumerate(lines, start=1):
        if number == 1 or not line:
            continue
        label, start, stop = _integers(annotation, number, line)
        if not (1 <= label <= classes and 0 <= start < stop):
            what = f"class {label} from {start} to {stop} µs"
            raise InputError(f"{annotation}: line {number}: {what}; classes are 1 to {classes}, times rise")
        found.append(Recording(file, label - 1, (start, stop), subject))
    if not found:
        raise InputError(f"{annotation}: holds no line class,startTime_usec,endTime_usec below its heading")
    return found


def _integers(file: Path, number: int, line: list[str]) -> list[int]:
    try:
        label, start, stop = map(int, line)
    except ValueError:
        raise InputError(f"{file}: line {number}: {','.join(line)!r} is not class, first µs, last µs") from None
    return [label, start, stop]


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{file}: cannot be read ({reason})") from None
