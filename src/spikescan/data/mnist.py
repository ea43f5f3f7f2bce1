"""MNIST (LeCun, Cortes, Burges) as sequences: the 784 pixels of a picture one after the other, one real-valued channel.

Order     sequential: row after row, from the upper left. Permuted: step k shows pixel `permutation()[k]`.
Values    pixel / 255, in [0, 1]: the background is 0, as silence is. The field is of two minds: the code of TCN
          (Bai et al. 2018) takes 0.1307 off and divides by 0.3081, that of S4 (Gu et al. 2022) scales to [0, 1] alone.
          BatchNorm behind the first Linear, as in the recipes, makes the two one.
Time      pixels have no seconds: a step is taken to be 1 ms, so that a picture lasts 0.784 s.
Files     MNIST's own (IDX), train-images-idx3-ubyte, train-labels-idx1-ubyte, and t10k-… for testing; packed by gzip
          (.gz) or not. Where both are there, the unpacked file is read.
Split     MNIST's own, 60,000 and 10,000. A folder with the t10k files alone is divided in the order of its pictures:
          the first nine tenths are for training (0 to 8999), the rest for testing (9000 to 9999).
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from spikescan.data.dense import write_dense
from spikescan.data.write import Progress
from spikescan.errors import InputError

SIDE, STEPS, CLASSES = 28, 784, 10
DT = 1e-3  # seconds of a pixel
IMAGES, LABELS = "images-idx3-ubyte", "labels-idx1-ubyte"
_PARTS = {"train": "train", "test": "t10k"}  # what their files begin with
_SEED = 92916
_EVERY = 1000  # samples between two reports


def permutation() -> np.ndarray:
    """(784,): the pixel that each step of permuted MNIST shows, the same for every picture.

    MT19937 (`numpy.random.RandomState`, whose numbers NumPy keeps the same in every version, NEP 19) from seed 92916:
    the permutation of scoRNN (Helfrich et al. 2018, arXiv 1707.09520) and of many that followed.
    """
    return np.random.RandomState(_SEED).permutation(STEPS)


def files(root: Path) -> list[Path]:
    """All that is read of `root`."""
    return [file for pair in find_files(root).values() for file in pair]


def find_files(root: Path) -> dict[str, tuple[Path, Path]]:
    """(pictures, labels) by part: train and test, or test alone. InputError where a file is missing."""
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; --root names the folder with MNIST's files")
    found = {part: tuple(_file(root, f"{begin}-{end}") for end in (IMAGES, LABELS)) for part, begin in _PARTS.items()}
    pairs = {}
    for part, (images, labels) in found.items():
        if images is not None and labels is not None:
            pairs[part] = (images, labels)
        elif part == "test" or images is not None or labels is not None:
            missing = f"{_PARTS[part]}-{IMAGES if images is None else LABELS}"
            listing = ", ".join(sorted(path.name for path in root.iterdir())[:20]) or "nothing"
            raise InputError(f"{root}: no {missing} or {missing}.gz, one of MNIST's files; the folder holds {listing}")
    return pairs


def _file(root: Path, name: str) -> Path | None:
    return next((file for file in (root / name, root / f"{name}.gz") if file.is_file()), None)


def convert(root: Path, folder: Path, progress: Progress | None, *, permuted: bool) -> None:
    """Write the stores `folder`/train and `folder`/test. InputError, naming the file, for one that is not whole."""
    order = permutation() if permuted else np.arange(STEPS)
    parts = {part: _pair(*pair) for part, pair in find_files(root).items()}
    notes: tuple[str, ...] = ()
    if "train" not in parts:
        images, labels = parts["test"]
        first = len(images) * 9 // 10
        if not first:
            raise InputError(f"{root}: one picture and no train-{IMAGES}; it cannot be divided")
        parts = {"train": (images[:first], labels[:first]), "test": (images[first:], labels[first:])}
        notes = (
            f"{root}: no train-{IMAGES}; of the {len(images)} pictures of t10k-{IMAGES} the first {first} are for "
            f"training and the last {len(images) - first} for testing",
        )
    for part, (images, labels) in parts.items():
        what = f"{root}, {part}"
        known = {"channels": 1, "dt": DT, "source": what, "notes": notes if part == "train" else ()}
        write_dense(
            folder / part, _counted(sequences(images, order), len(images), what, progress), labels=labels, **known
        )


def sequences(images: np.ndarray, order: np.ndarray) -> Iterator[np.ndarray]:
    """(784, 1) float32 of each of the images (n, 784), its pixels in `order`."""
    for image in images:
        yield (image[order, None] / 255).astype(np.float32)


def read_samples(file: Path, *, permuted: bool) -> Iterator[np.ndarray]:
    """The sequences (784, 1) of all pictures in an IDX file. InputError where it is none."""
    return sequences(read_images(file), permutation() if permuted else np.arange(STEPS))


def _counted(samples: Iterator[np.ndarray], total: int, what: str, progress: Progress | None) -> Iterator[np.ndarray]:
    for done, sample in enumerate(samples, 1):
        yield sample
        if progress and (done % _EVERY == 0 or done == total):
            progress(what, done, total)


def read_images(file: Path) -> np.ndarray:
    """(n, 784) uint8."""
    images = _read(file, 3)
    if images.shape[1:] != (SIDE, SIDE):
        raise InputError(f"{file}: pictures of {images.shape[1]} x {images.shape[2]} pixels, not {SIDE} x {SIDE}")
    return images.reshape(-1, STEPS)


def _pair(file: Path, beside: Path) -> tuple[np.ndarray, np.ndarray]:
    """(pictures (n, 784) uint8, labels (n,) int64)."""
    images, labels = read_images(file), _read(beside, 1)
    if len(labels) != len(images):
        raise InputError(f"{beside}: {len(labels)} labels, and {file.name} has {len(images)} pictures")
    if len(wrong := np.flatnonzero(labels >= CLASSES)):
        raise InputError(f"{beside}: label {wrong[0]} is {labels[wrong[0]]}, outside 0 to {CLASSES - 1}")
    return images, labels.astype(np.int64)


def _read(file: Path, axes: int) -> np.ndarray:
    """The bytes of an IDX file: 0, 0, 8 (unsigned bytes), the number of axes, their sizes (big-endian), the values."""
    try:
        content = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{file}: cannot be read ({error}); fetch it again") from None
    magic = bytes([0, 0, 8, axes])
    if content[:4] != magic:
        raise InputError(
            f"{file}: begins with {content[:4].hex() or 'nothing'}, not {magic.hex()}: no IDX file of "
            f"{'pictures' if axes == 3 else 'labels'}"
        )
    head = 4 + 4 * axes
    shape = [int.from_bytes(content[at : at + 4], "big") for at in range(4, head, 4)]
    expected = head + int(np.prod(shape, dtype=object))
    if len(content) != expected or not shape[0]:
        sizes = " x ".join(map(str, shape))
        raise InputError(f"{file}: {len(content)} bytes, and its head promises {sizes} in {expected}; fetch it again")
    return np.frombuffer(content, np.uint8, offset=head).reshape(shape)
