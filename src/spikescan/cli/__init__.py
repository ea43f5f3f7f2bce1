"""The command line: one file per command. Whatever is slow to import is imported by the command that needs it.

To add a command, write a file whose function is decorated with ``@app.command()`` and ``@guarded`` of ``_shared``, and
put the file's name into ``COMMANDS``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spikescan.cli._shared import app

__all__ = ["app", "main"]

COMMANDS = ("train", "evaluate", "predict", "export", "reproduce", "bench", "data", "demo", "info")
"""Files of this package, in the order in which ``--help`` lists them."""


def __getattr__(name: str) -> Any:
    """``app``, with every command."""
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    for command in COMMANDS:
        import_module(f"{__name__}.{command}")
    return import_module(f"{__name__}._shared").app


def main() -> None:
    """The console script."""
    __getattr__("app")()
