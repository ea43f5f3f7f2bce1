"""What the commands share: the app, options that several have, and how an error ends a command."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal, ParamSpec

import typer

from spikescan import __version__, cli, report
from spikescan.cli import CLOSED, STOPPED
from spikescan.cli._help import Command, Group
from spikescan.cli._names import completing, data_sets
from spikescan.errors import InputError, Stopped, TrainingError

app = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # drawing help with Rich takes longer than everything else that help needs
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

DATA, RESULTS = "Data", "Results"
"""Headings in the help of a command."""

Device = Annotated[
    Literal["cpu", "cuda"] | None, typer.Option(help="Where to compute; default: cuda if torch finds one, else cpu.")
]
Root = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Folder that holds the data set's own files.", rich_help_panel=DATA),
]
Store = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="Folder for converted data sets; default: ~/.cache/spikescan.", rich_help_panel=DATA
    ),
]
Channels = Annotated[
    int | None,
    typer.Option(metavar="N", help="Number of input channels, if the files do not say.", rich_help_panel=DATA),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.", rich_help_panel=RESULTS)]
Run = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a finished run.")]
Data = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="A data set: digits (built in), shd, ssc, …; `spikescan data info` lists them.",
        autocompletion=completing(data_sets),
    ),
]

P = ParamSpec("P")


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"spikescan {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Train spiking neural networks over all time steps at once.

    Results go to standard output, messages to standard error.
    Exit codes: 0 done, 1 failed, 2 wrong usage or input, 130 stopped by Ctrl-C,
    141 the output was closed (as by `| head`).

    First steps: `spikescan demo`, or `spikescan train digits`.
    """


def command(
    name: str | None = None, group: typer.Typer = app, stopped: str = "the same command starts again"
) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Make a function a command of ``group``; ``stopped`` says how to go on after Ctrl-C."""

    def register(function: Callable[P, None]) -> Callable[P, None]:
        guarded = _guarded(function, stopped)
        group.command(name, cls=Command)(guarded)
        return guarded

    return register


def _guarded(function: Callable[P, None], stopped: str) -> Callable[P, None]:
    """Errors that a person can mend become a message and an exit code, not a traceback."""

    @functools.wraps(function)
    def run(*arguments: P.args, **options: P.kwargs) -> None:
        try:
            function(*arguments, **options)
        except typer.Exit:
            raise
        except KeyboardInterrupt:
            _fail(f"stopped; {stopped}", STOPPED)
        except Exception as error:
            if cli.interrupted and not isinstance(error, Stopped):
                _fail(f"stopped; {stopped}", STOPPED)
            _answer(error)
            raise

    return run


def _answer(error: Exception) -> None:
    """End the command as the error asks for; nothing where it is a fault of ours."""
    match error:
        case InputError():
            _fail(error, 2)
        case Stopped():
            _fail(error, STOPPED)
        case TrainingError():
            _fail(error, 1)
        case BrokenPipeError():
            raise typer.Exit(CLOSED) from None
        case OSError():
            where = "" if error.filename is None else f"{error.filename}: "
            _fail(f"{where}{error.strerror or error}", 1)


def answer_ctrl_c() -> None:
    """To be called once a command has imported what it needs: some imports swallow a Ctrl-C (numpy's, within torch)."""
    if cli.interrupted:
        raise KeyboardInterrupt


def _fail(message: object, code: int) -> None:
    report.say(f"spikescan: {message}")
    raise typer.Exit(code) from None
