"""Custom neurons and firing functions in recipes, as "module:Name".

A name in a file is never imported: a run's folder may come from anywhere. The command line imports what its own
arguments name (``import_named``); ``ss.load`` is handed the classes (``hand_over``).
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from spikescan.errors import InputError
from spikescan.firing import Firing

FOUND: dict[str, Any] = {}
"""Custom classes (or firing objects) of this process by the name that recipes have for them."""

_HANDED: dict[str, Any] = {}
"""What ``hand_over`` was given, by the name of the class alone."""


def import_asked_for(changes: Mapping[str, Any]) -> None:
    """Import the custom code that a command's own settings name."""
    for key in ("neuron.name", "neuron.firing"):
        if ":" in str(changes.get(key, "")):
            import_named(changes[key])


def import_named(name: str) -> None:
    """Import what a person asked for by ``module:Name``, from the installed modules or the working folder.

    Raises:
        InputError: where there is no such module or name.
    """
    module, _, attribute = name.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        FOUND[name] = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise InputError(f"{name}: {error}") from None


def hand_over(classes: Iterable[Any]) -> None:
    """Let recipes name these classes, whichever module a recipe says they are in."""
    _HANDED.update({item.__name__: item for item in classes})


def known(name: str) -> str | None:
    """``name`` where it is a custom one that this process has, None where it has not the form "module:Name".

    Raises:
        ValueError: for a custom one that nobody handed over.
    """
    if ":" not in name:
        return None
    if name not in FOUND:
        attribute = name.partition(":")[2]
        if attribute not in _HANDED:
            raise ValueError(
                f"{name!r} is custom code, which is not imported because a file names it: name it again by --set or "
                f"--neuron, or hand it over in ss.load(RUN, classes=[{attribute}])"
            )
        FOUND[name] = _HANDED[attribute]
    return name


def firing(name: str) -> str | Firing:
    """What ``firing=`` takes: a registered name as it is, a custom one as an object."""
    found = FOUND.get(name, name)
    return found() if isinstance(found, type) else found
