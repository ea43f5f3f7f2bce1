"""Names for completion in a shell, read from the source: a key press must not wait for torch."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[1]


def completing(names: Callable[[], Iterable[str]]) -> Callable[[str], list[str]]:
    """What typer calls with the beginning of a word."""
    return lambda incomplete: [name for name in names() if name.startswith(incomplete)]


def data_sets() -> list[str]:
    return list(_keys(PACKAGE / "data" / "sources.py", "SOURCES"))


def neurons() -> list[str]:
    """Those that every module of `neurons` declares, and those that recipes add."""
    found = set(_keys(PACKAGE / "training" / "neurons.py", "_TABLE"))
    for file in (PACKAGE / "neurons").glob("*.py"):
        found.update(_keys(file, "NAMED"))
    return sorted(found)


def recipes() -> list[str]:
    return sorted(file.stem for file in (PACKAGE / "training" / "recipes").glob("*.toml"))


def experiments() -> list[str]:
    files = (PACKAGE / "papers").glob("[!_]*.py")
    return sorted(file.stem.replace("_", "-") for file in files if "\nEXPERIMENT = " in file.read_text("utf-8"))


def _keys(file: Path, table: str) -> Iterator[str]:
    """Keys of the dictionary that ``file`` writes out under the name ``table``."""
    for node in ast.parse(file.read_text("utf-8")).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == table for target in targets):
            value = getattr(node, "value", None)
            keys = value.keys if isinstance(value, ast.Dict) else []
            yield from (key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str))
