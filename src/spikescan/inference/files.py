"""From a file, or from arrays, to one recording as the network of a run was trained on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spikescan.data.dataset import Dataset
from spikescan.errors import InputError

if TYPE_CHECKING:
    from spikescan.inference.model import Model
    from spikescan.training.facts import Facts

SOUND = (".wav", ".flac")
