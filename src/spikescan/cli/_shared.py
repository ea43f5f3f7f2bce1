"""What the commands share: the app, options that several have, and how an error ends a command."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal, ParamSpec

import typer

from spikescan import report
from spikescan.errors import InputError, TrainingError

app = typer.Typer(
    help="Spiking neural networks trained over all time steps at once.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)

Device = Annotated[Literal["cpu", "cuda"] | None, typer.Option(help="Default: cuda where torch sees one.")]
Root = Annotated[Path | None, typer.Option(help="Folder of the data set, in its native layout.")]
Store = Annotated[Path | None, typer.Option(help="Folder of converted data sets; default: your cache.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Run = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a finished run.")]
Data = Annotated[str, typer.Argument(help="digits (built in), shd, ssc, nmnist, …; `data info` lists them.")]


P = ParamSpec("P")


def guarded(command: Callable[P, None]) -> Callable[P, None]:
    """Errors that a person can mend become a message and an exit code, not a traceback."""

    @functools.wraps(command)
    def run(*arguments: P.args, **options: P.kwargs) -> None:
        try:
            command(*arguments, **options)
        except InputError as error:
            _fail(error, 2)
        except TrainingError as error:
            _fail(error, 1)
        except OSError as error:
            _fail(f"{error.filename or 'a file'}: {error.strerror or error}", 1)
        except KeyboardInterrupt:
            _fail("stopped", 1)

    return run


def _fail(message: object, code: int) -> None:
    report.say(f"spikescan: {message}")
    raise typer.Exit(code) from None
