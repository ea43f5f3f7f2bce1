"""Which recordings a folder of sound files holds, and what is known of each.

CSV       a table with the columns file and label, if wanted speaker and split (train, test or valid), and any others
parts     DIR/train/CLASS/**, and where there are such DIR/test/CLASS/** and DIR/valid/CLASS/**
classes   DIR/CLASS/**
names     files in DIR itself, whose names fit a pattern such as {label}_{speaker}_{take}

Files and folders whose names begin with a dot are not looked at.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from operator import ge, gt, le, lt
from pathlib import Path

from spikescan.data.audio_options import AudioOptions
from spikescan.errors import InputError

PARTS = ("train", "test", "valid")
PATTERN = "{label}_{speaker}_{take}"
SOUNDS = (".wav", ".flac")
FOREIGN = (".mp3", ".ogg", ".opus", ".m4a", ".aac", ".aif", ".aiff", ".wma")
_COMPARE: dict[str, Callable[[float, float], bool]] = {"<=": le, ">=": ge, "<": lt, ">": gt}
_HOW = (
    "give --set 'audio.pattern={label}_{speaker}_{take}' (any names, {label} among them), or a CSV with file and label"
)


@dataclass(frozen=True)
class Recording:
    """One sound file."""

    file: Path
    name: str  # its path below the folder, with slashes
    fields: dict[str, str]  # what names or columns say, the label among them
    part: str = "train"

    @property
    def label(self) -> str:
        return self.fields["label"]


def recordings(root: Path, options: AudioOptions) -> dict[str, list[Recording]]:
    """The recordings of each part, always with train, in the order of their names.

    Raises:
        InputError: naming folder, file or option, for recordings that are missing or not clear.
    """
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; --root names the folder with your recordings")
    found = _found(root, options)
    if not found:
        raise InputError(f"{root}: no recordings; wav and flac files are read")
    found = sorted(found, key=lambda recording: recording.name)
    if options.test is not None:
        found = _divided(root, found, options.test)
    parts = {part: [one for one in found if one.part == part] for part in PARTS}
    _check(root, parts)
    return {part: ones for part, ones in parts.items() if ones}


def table_of(root: Path, options: AudioOptions) -> Path | None:
    """The CSV that describes the recordings, if one does."""
    if options.csv is not None:
        return root / Path(options.csv).expanduser()
    tables = sorted(path for path in root.glob("*.csv") if not path.name.startswith("."))
    if options.pattern is not None or not tables:
        return None
    if len(tables) > 1:
        listing = ", ".join(path.name for path in tables)
        raise InputError(f"{root}: holds {listing}; --set audio.csv=NAME says which describes the recordings")
    return tables[0]


def _found(root: Path, options: AudioOptions) -> list[Recording]:
    if (table := table_of(root, options)) is not None:
        return _of_table(root, table)
    files = sorted(_sounds(root))
    loose = [file for file in files if file.parent == root]
    folders = {file.relative_to(root).parts[0] for file in files if file.parent != root}
    if loose and folders:
        raise InputError(
            f"{root}: sounds lie in the folder itself ({loose[0].name}) and in its folders ({min(folders)}): keep one "
            "layout, or describe them by a CSV"
        )
    if loose:
        return _of_names(root, files, options.pattern)
    return _of_folders(root, files, folders, options.pattern)


def _sounds(root: Path) -> Iterator[Path]:
    for file in root.rglob("*"):
        if any(part.startswith(".") for part in file.relative_to(root).parts) or not file.is_file():
            continue
        if file.suffix.lower() in FOREIGN:
            raise InputError(f"{file}: wav and flac files are read; convert the others, or take them away")
        if file.suffix.lower() in SOUNDS:
            yield file


def _of_names(root: Path, files: list[Path], pattern: str | None) -> list[Recording]:
    form = compiled(pattern or PATTERN)
    if "label" not in form.groupindex:
        raise InputError(f"audio.pattern: {pattern!r} has no {{label}}")
    return [Recording(file, file.name, _fields(file, form, pattern or PATTERN)) for file in files]


def _of_folders(root: Path, files: list[Path], folders: set[str], pattern: str | None) -> list[Recording]:
    form = None if pattern is None else compiled(pattern)
    if form is not None and "label" in form.groupindex:
        raise InputError(f"audio.pattern: {pattern!r} has a {{label}}, and the folders of {root} are the labels")
    divided = any(len(file.relative_to(root).parts) > 2 for file in files if file.relative_to(root).parts[0] == "train")
    if divided and (others := folders - set(PARTS)):
        raise InputError(
            f"{root}: a folder train with folders in it makes the parts train, test and valid, and there is "
            f"{min(others)} as well; rename it, or describe the recordings by a CSV"
        )
    found = []
    for file in files:
        *above, _ = (path := file.relative_to(root)).parts
        if divided and len(above) < 2:
            raise InputError(f"{file}: lies in no class's folder; {above[0]}/CLASS/{file.name} is needed")
        fields = {} if form is None else _fields(file, form, str(pattern))
        fields |= {"label": above[1] if divided else above[0]}
        found.append(Recording(file, path.as_posix(), fields, above[0] if divided else "train"))
    return found


def compiled(pattern: str) -> re.Pattern[str]:
    """A pattern as a regular expression: no field holds a sign (a character that is no letter or digit) of the
    pattern. InputError for one that cannot be."""
    *pieces, last = re.split(r"\{([^{}]*)\}", pattern)
    signs = "".join(sorted({sign for text in [*pieces[::2], last] for sign in text if not sign.isalnum()}))
    kind = f"[^{re.escape(signs)}]+?" if signs else ".+?"
    fields = pieces[1::2]
    between = pieces[2::2]
    if not fields or not all(field.isidentifier() for field in fields) or len({*fields}) < len(fields):
        raise InputError(f"audio.pattern: {pattern!r}; fields in braces are needed, each with a name: {PATTERN}")
    if not all(between) or set("/\\{}") & set(signs):
        raise InputError(f"audio.pattern: {pattern!r}; file names alone are matched, with text between all fields")
    texts = [re.escape(text) for text in pieces[::2]]
    return re.compile("".join(f"{text}(?P<{field}>{kind})" for text, field in zip(texts, fields)) + re.escape(last))


def _fields(file: Path, form: re.Pattern[str], pattern: str) -> dict[str, str]:
    if (match := form.fullmatch(file.stem)) is None:
        raise InputError(f"{file}: its name does not fit the pattern {pattern}; {_HOW}")
    return match.groupdict()


def _of_table(root: Path, table: Path) -> list[Recording]:
    try:
        with open(table, encoding="utf-8-sig", newline="") as text:
            reader = csv.DictReader(text, strict=True)
            columns = reader.fieldnames or []
            if not {"file", "label"} <= set(columns):
                raise InputError(f"{table}: columns file and label are needed, found {', '.join(columns) or 'none'}")
            found = [_of_row(root, table, f"{table}: line {reader.line_num}", row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{table}: cannot be read as CSV ({error})") from None
    seen: set[Path] = set()
    for one in found:
        if one.file in seen:
            raise InputError(f"{table}: {one.name} occurs twice")
        seen.add(one.file)
    return found


def _of_row(root: Path, table: Path, line: str, row: dict[str, str]) -> Recording:
    if None in row or None in row.values():
        raise InputError(f"{line}: has not as many entries as there are columns")
    if missing := [column for column in ("file", "label", "speaker", "split") if not row.get(column, "-").strip()]:
        raise InputError(f"{line}: {missing[0]} is empty")
    fields = {column: value.strip() for column, value in row.items()}
    if (part := fields.get("split", "train")) not in PARTS:
        raise InputError(f"{line}: split is {part!r}; choose from {', '.join(PARTS)}")
    file = table.parent / fields["file"]
    if not file.is_file():
        raise InputError(f"{line}: {file}: no such file")
    name = file.relative_to(root) if file.is_relative_to(root) else file
    return Recording(file, name.as_posix(), fields, part)


def _divided(root: Path, found: list[Recording], test: str) -> list[Recording]:
    """The recordings with those that `test` describes as the test part."""
    match = re.fullmatch(r"([^<>=!]+)(<=|>=|!=|<|>|=)([^<>=!]+)", test)
    field, sign, text = (part.strip() for part in match.groups()) if match else ("", "", "")
    if not sign or not field or not text:
        raise InputError(f"audio.test: {test!r}; a condition is needed, as take<=4, take=0,1,2 or speaker=theo")
    if any(one.part != "train" or "split" in one.fields for one in found):
        raise InputError(f"audio.test: {root} says itself which recordings are for testing; leave it out")
    for one in found:
        if field not in one.fields:
            known = ", ".join(one.fields)
            raise InputError(f"audio.test: {test!r}; {one.name} has no {field}, it has {known}")
    chosen = [_fits(one, field, sign, text) for one in found]
    if all(chosen) or not any(chosen):
        how_many = "every recording" if all(chosen) else "no recording"
        raise InputError(f"audio.test: {test!r} holds for {how_many} of {root}")
    return [replace(one, part="test") if for_test else one for one, for_test in zip(found, chosen, strict=True)]


def _fits(one: Recording, field: str, sign: str, text: str) -> bool:
    value = one.fields[field]
    if sign in _COMPARE:
        return _COMPARE[sign](_number(f"audio.test: {one.name}: {field}", value), _number("audio.test: bound", text))
    same = any(_as_number(value) == _as_number(other.strip()) for other in text.split(","))
    return same if sign == "=" else not same


def _as_number(text: str) -> int | str:
    return int(text) if re.fullmatch(r"[0-9]+", text) else text


def _number(what: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{what} is {text!r}, which is no number; = compares words") from None


def _check(root: Path, parts: dict[str, list[Recording]]) -> None:
    known = {one.label for one in parts["train"]}
    if not known:
        raise InputError(f"{root}: no recording is for training")
    if len(known) == 1:
        raise InputError(f"{root}: one class alone, {min(known)}; two are needed to tell apart")
    for part in ("test", "valid"):
        for one in parts[part]:
            if one.label not in known:
                raise InputError(f"{one.file}: its label {one.label!r} is that of no training recording")
