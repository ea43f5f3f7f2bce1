"""How every picture looks, and how it becomes a file."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import matplotlib
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter, PercentFormatter

BLUE, ORANGE, GREEN, GREY, SLATE, LIGHT = "#1f5fa8", "#e07b1a", "#2a8c6a", "#8a8f98", "#4a505a", "#c9cdd3"
INK = "#22262c"
STYLE: dict[Any, Any] = {
    "text.parse_math": False,  # names come from users, and one with two dollar signs is no formula
    "text.usetex": False,
    "pdf.fonttype": 42,  # text stays text, which journals ask for
    "svg.fonttype": "path",
    "svg.hashsalt": "spikescan",  # the same picture is the same file
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6e8eb",
    "lines.linewidth": 2,
    "legend.frameon": True,
    "legend.framealpha": 0.9,
    "legend.edgecolor": "none",
    "savefig.dpi": 150,
}
FORMATS = ("png", "svg", "pdf")
_UNDATED = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
LONGEST = 40
"""Characters of a name in a picture; a longer one would squeeze the axes to nothing."""


def rendered(draw: Callable[[], Figure], suffix: str = "png") -> bytes:
    """The picture in our style, in one of ``FORMATS``; ValueError for another."""
    if suffix not in FORMATS:
        raise ValueError(f"pictures are {', '.join(FORMATS)}, not {suffix!r}")
    content = io.BytesIO()
    with matplotlib.rc_context(STYLE):
        draw().savefig(content, format=suffix, metadata=_UNDATED[suffix])
    return content.getvalue()


def plain_log(*several: Axis) -> None:
    """Logarithmic axes with numbers instead of powers, which are formulas that ``STYLE`` leaves undrawn."""
    for axis in several:
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter(LogFormatter(labelOnlyBase=False))


def percents() -> PercentFormatter:
    """Of an axis of shares: 50 %."""
    return PercentFormatter(1, decimals=0, symbol=" %")


def short(name: str, longest: int = LONGEST) -> str:
    """A name on one line that is cut where it is too long to be drawn."""
    name = " ".join(name.split())
    return name if len(name) <= longest else name[: longest - 1] + "…"
