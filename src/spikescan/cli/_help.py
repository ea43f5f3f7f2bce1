"""Help pages: plain text, options under headings, and nothing imported that they can do without."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from typer import Exit
from typer.core import TyperCommand, TyperGroup

from spikescan.cli import BEFORE, STOPPED


class Command(TyperCommand):
    """Lists options under the heading that each names (``rich_help_panel``), in the order in which they are written,
    and arguments by their names alone, as most programs do."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        return [piece.replace("{", "").replace("}", "") for piece in super().collect_usage_pieces(ctx)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        sections: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is None:
                continue
            if parameter.param_type_name == "argument":
                sections["Arguments"].append((record[0].split()[0], record[1]))
            else:
                heading = getattr(parameter, "rich_help_panel", None) or "Options"
                sections.setdefault(heading, []).append(record)
        for heading, records in sections.items():
            if records:
                with formatter.section(heading):
                    formatter.write_dl(records)


class Group(TyperGroup):
    """Gives its flags a value from the start: to make a bool of None, typer would import pydantic before any help. And
    says something after a Ctrl-C that comes before a command has begun, where typer says nothing."""

    def make_context(self, *arguments: Any, **options: Any) -> Any:
        with _answering_ctrl_c():
            return super().make_context(*arguments, **options)

    def invoke(self, ctx: Any) -> Any:
        with _answering_ctrl_c():
            return super().invoke(ctx)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        for parameter in self.get_params(ctx):
            if parameter.default is None and getattr(parameter, "is_flag", False):
                parameter.default = False
        return super().parse_args(ctx, args)


@contextmanager
def _answering_ctrl_c() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        print(BEFORE, file=sys.stderr)
        raise Exit(STOPPED) from None
