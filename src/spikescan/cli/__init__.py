"""The command line: one file per command. Whatever is slow to import is imported by the command that needs it.

To add a command, write a file whose function is decorated with ``@command()`` of ``_shared``, and put the file's name
into ``COMMANDS``. This file itself imports next to nothing, so that Ctrl-C is answered from the start.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable
from importlib import import_module
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spikescan.cli._shared import app

__all__ = ["app", "main"]

COMMANDS = ("train", "evaluate", "predict", "export", "reproduce", "bench", "data", "demo", "info")
"""Files of this package, in the order in which ``--help`` lists them."""

STOPPED = 130
"""Exit code after Ctrl-C, which is also what typer makes of one that comes while it reads the arguments."""
CLOSED = 141
"""Exit code where the reader of a pipe has gone, as after `| head -1`: what a shell sees of any program then."""

BEFORE = "spikescan: stopped before it began; the same command starts again"

interrupted = False
"""Whether Ctrl-C has come. Where an import swallows it, as that of numpy by torch, what follows fails in other ways."""


def __getattr__(name: str) -> Any:
    """``app``, with every command."""
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    for command in COMMANDS:
        import_module(f"{__name__}.{command}")
    return import_module(f"{__name__}._shared").app


def main() -> None:
    """The console script. Exit codes: 0 done, 1 failed, 2 wrong usage or input, 130 stopped by Ctrl-C, 141 nobody reads
    the output any more."""
    code: Any = 0
    streams = sys.stdout, sys.stderr
    try:
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # and not ignored, as under nohup
            signal.signal(signal.SIGINT, _interrupt)
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")  # a file name may hold what is no text
        __getattr__("app")(prog_name="spikescan")
    except SystemExit as end:
        code = end.code
    except KeyboardInterrupt:
        print(BEFORE, file=sys.stderr)
        code = STOPPED
    except BrokenPipeError:
        code = CLOSED
    replaced = (sys.stdout, sys.stderr) != streams  # by typer, where writing its help or an error failed
    sys.exit(CLOSED if _closed(streams) or replaced else code)


def _interrupt(number: int, frame: Any) -> None:
    global interrupted
    interrupted = True
    raise KeyboardInterrupt


def _closed(streams: Iterable[Any]) -> bool:
    """Whether the reader of our output has gone; what is left to write is dropped then, or Python would complain."""
    closed = False
    for stream in filter(None, streams):
        try:
            stream.flush()
        except BrokenPipeError:
            closed = True
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return closed
