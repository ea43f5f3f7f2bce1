"""From a file, or from arrays, to one recording as the network of a run was trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass

SOUND = (".wav", ".flac")
