"""The built-in set: handwritten digits seen by a simulated event camera, the same on every machine.

The pictures are the 1797 digits of 8 x 8 pixels and 17 grey levels that scikit-learn ships (Alpaydin and
Kaynak, UCI, doi:10.24432/C50P49, the test part of that set). They are shown the way N-MNIST showed MNIST
(Orchard et al. 2015, doi:10.3389/fnins.2015.00437): the picture stands still and the camera jumps along the
three sides of a triangle.

Sensor    16 x 16 pixels, on and off events: 512 channels. A sensor pixel is 2/3 of a picture pixel wide, so
          that the picture covers 12 x 12 of them inside a dark margin.
Saccades  3 of 100 ms each at constant speed: two sensor pixels down and one right, two up and one right, two
          left.
Pixel     sees the bilinearly interpolated grey level. When that has changed by 3 of the 16 levels since the
          pixel's last event it emits an event (polarity 1 brighter, 0 darker) and remembers the new level.
Time      the scene is computed every 2 ms; in between, the grey level is taken to change linearly and an
          event gets the microsecond at which the threshold was passed.

Positions are whole fractions of a pixel, so that all grey levels are integers (in float64, where sums and
products of integers this small are exact in any order): the events are the same on every machine. Nothing is
random.

Split: of each class in the order of the file, every fifth digit is a test sample (1442 train, 355 test).
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np

from spikescan.data.events import EventStore
from spikescan.data.write import Block, write_store
from spikescan.errors import InputError

SENSOR = (2, 16, 16)  # polarities, height, width
CLASS_NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SOURCE = "scikit-learn's digits, simulated event camera"

_UNIT = 192  # positions are counted in 1/192 of a picture pixel
_PITCH = 128  # width of a sensor pixel, 2/3 of a picture pixel
_LEVEL = _UNIT * _UNIT  # one grey level, after bilinear interpolation along two axes
_THRESHOLD = 3 * _LEVEL
_CORNERS = ((-1, -1), (0, 1), (1, -1), (-1, -1))  # of the triangle, (x, y) in sensor pixels
_STEPS = 50  # computed positions along one side
_STEP = 2000  # µs between them


def convert(folder: Path) -> dict[str, EventStore]:
    """Simulate the camera and write the stores `folder`/train and `folder`/test."""
    images, labels = pictures()
    stores = {}
    for split, chosen in split_indices(labels).items():
        stores[split] = write_store(
            folder / split,
            [simulate(images[chosen])],
            labels=labels[chosen],
            source=f"{SOURCE}, {split}",
            sensor=SENSOR,
            class_names=CLASS_NAMES,
        )
    return stores


def pictures() -> tuple[np.ndarray, np.ndarray]:
    """(grey levels (1797, 8, 8) as float64, labels (1797) as int64), as sklearn.datasets.load_digits gives them.

    The file alone is read: to import scikit-learn takes seconds, and loads a second OpenMP runtime beside torch's.

    Raises:
        InputError: where scikit-learn, or the file in it, is missing.
    """
    package = find_spec("sklearn")
    if package is None or package.origin is None:
        raise InputError(
            "digits: the pictures come with scikit-learn, which is not installed; `pip install scikit-learn`"
        )
    path = Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz"
    if not path.is_file():
        raise InputError(f"{path}: not there, but scikit-learn is; `pip install --force-reinstall scikit-learn`")
    table = np.loadtxt(path, delimiter=",")
    return table[:, :-1].reshape(-1, 8, 8), table[:, -1].astype(np.int64)


def split_indices(labels: np.ndarray) -> dict[str, np.ndarray]:
    """{"train": indices, "test": indices}: every fifth sample of each class is for testing."""
    rank = np.zeros(len(labels), np.int64)
    for label in np.unique(labels):
        rank[labels == label] = np.arange(np.sum(labels == label))
    test = rank % 5 == 4
    return {"train": np.flatnonzero(~test), "test": np.flatnonzero(test)}


def simulate(images: np.ndarray) -> Block:
    """What the camera sees of images (n, 8, 8) with grey levels 0 to 16."""
    positions = _path()
    before = _seen(images, *next(positions))
    remembered = before.copy()
    events = []
    for step, position in enumerate(positions):
        now = _seen(images, *position)
        events.append(_crossings(step, before, now, remembered))
        before = now
    sample, time, channel = np.concatenate(events, axis=1)
    order = np.lexsort((channel, time, sample))
    return Block(time[order], channel[order], np.bincount(sample, minlength=len(images)))


def _path() -> Iterator[tuple[int, int]]:
    """The camera's positions (x, y) in 1/192 of a picture pixel, the start included."""
    corners = np.array(_CORNERS) * _PITCH
    yield corners[0][0], corners[0][1]
    for start, end in pairwise(corners):
        for step in range(1, _STEPS + 1):
            x, y = start + (end - start) * step // _STEPS
            yield x, y


def _seen(images: np.ndarray, x: int, y: int) -> np.ndarray:
    """Grey levels times _LEVEL at every sensor pixel, (n, height, width), from position (x, y)."""
    return _weights(y) @ images @ _weights(x).T


def _weights(position: int) -> np.ndarray:
    """Linear interpolation along one axis: what sensor pixels see of picture pixels, (16, 8) in 1/192."""
    pixels = (2 * np.arange(SENSOR[1]) + 1 - SENSOR[1]) * _PITCH // 2 + 7 * _UNIT // 2
    distance = np.abs((pixels + position)[:, None] - _UNIT * np.arange(8))
    return np.maximum(_UNIT - distance, 0).astype(np.float64)


def _crossings(step: int, before: np.ndarray, now: np.ndarray, remembered: np.ndarray) -> np.ndarray:
    """Rows (sample, µs, channel) of the events of one step; `remembered` is brought up to date in place."""
    passed = np.trunc((now - remembered) / _THRESHOLD)
    sample, y, x = np.nonzero(passed)
    number = passed[sample, y, x].astype(np.int64)
    owner = np.repeat(np.arange(len(number)), np.abs(number))
    sample, y, x, sign = sample[owner], y[owner], x[owner], np.sign(number)[owner]
    place = np.arange(len(owner)) - np.searchsorted(owner, owner) + 1
    start, end = (level[sample, y, x].astype(np.int64) for level in (before, now))
    level = remembered[sample, y, x].astype(np.int64) + sign * place * _THRESHOLD
    time = _STEP * step + (level - start) * _STEP // (end - start)
    remembered += passed * _THRESHOLD
    return np.stack([sample, time, ((sign > 0) * SENSOR[1] + y) * SENSOR[2] + x])
