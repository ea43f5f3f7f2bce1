"""The data sets that spikescan knows: what each is made from, and what makes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from spikescan.data import audio_set, cameras, cifar10, digits, mnist, own, saved, shd, vision
from spikescan.data.audio_options import AudioOptions
from spikescan.data.dataset import Store
from spikescan.data.dense import open_dense
from spikescan.data.events import open_store
from spikescan.data.images import open_images
from spikescan.data.write import Progress
from spikescan.errors import InputError


@dataclass(frozen=True)
class Source:
    """How a set comes into the store. `files` finds what it is made from, `convert` makes it."""

    what: str  # in words, for messages and tables
    where: str  # whom to get it from, and which files; empty: built in
    files: Callable[[Path], list[Path]]
    convert: Callable[[Path, Path, int | None, Progress | None], None]  # (root, folder, channels, progress)
    open: Callable[[Path], Store] = open_store
    channels: int = 1  # the least number of input channels, where there is no sensor
    ordered: bool = False  # whether neighbouring channels are alike
    own: bool = False  # a user's own recordings: named after their folder, and nothing is taken for granted
    camera: vision.Camera | None = None
    samples: Callable[[Path], Iterable[np.ndarray]] | None = None  # (T, C) of each in one of its files, unlabelled
    version: int = 1  # to be raised when the same files convert to other events
    mark: Callable[[], Any] | None = None  # options that the events depend on beside the files
    unfinished: Callable[[Path, Path], Path] | None = None
    """Where (of root and store) a conversion keeps what it has done until the store is whole."""


def find(name: str, audio: AudioOptions | None = None) -> Source:
    """The source called `name`, sounds as `audio` has them read; InputError for an unknown one."""
    if name not in SOURCES:
        raise InputError(f"unknown data set {name!r}; choose from {', '.join(SOURCES)}")
    return SOURCES[name] if audio is None or name != "audio" else _sounds(audio)


def _convert_digits(root: Path, folder: Path, channels: int | None, progress: Progress | None) -> None:
    digits.convert(folder)


def _convert_shd(root: Path, folder: Path, channels: int | None, progress: Progress | None) -> None:
    names = None
    for split, file in shd.find_files(root).items():
        store = shd.convert(file, folder / split, channels, progress, names)
        names = names or store.meta.class_names


def _convert_cifar10(root: Path, folder: Path, channels: int | None, progress: Progress | None) -> None:
    for split, files in cifar10.find_files(root).items():
        cifar10.convert(files, folder / split, f"{root}, {split}")


def _mnist(what: str, permuted: bool) -> Source:
    return Source(
        what,
        "the files train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz and t10k-… of MNIST",
        mnist.files,
        lambda root, folder, channels, progress: mnist.convert(root, folder, progress, permuted=permuted),
        open=open_dense,
        samples=partial(mnist.read_samples, permuted=permuted),
    )


def _camera(camera: vision.Camera, what: str, where: str) -> Source:
    def files(root: Path) -> list[Path]:
        recordings = [recording.file for split in camera.recordings(root).values() for recording in split]
        return list(dict.fromkeys(recordings)) + camera.lists(root)

    def convert(root: Path, folder: Path, channels: int | None, progress: Progress | None) -> None:
        for split, recordings in camera.recordings(root).items():
            vision.convert(camera, recordings, folder / split, f"{root}, {split}", progress)

    return Source(what, where, files, convert, camera=camera)


def _sounds(options: AudioOptions) -> Source:
    return Source(
        "your own recordings: sound",
        "wav or flac files, in folders by class, named {label}_{speaker}_{take}, or listed by a CSV (docs/own-data.md)",
        lambda root: audio_set.files(root, options),
        lambda root, folder, channels, progress: audio_set.convert(root, folder, progress, options),
        open=saved.open_any,
        own=True,
        mark=lambda: audio_set.mark(options),
        unfinished=lambda root, store: audio_set.shards(root, store, options),
    )


def _shd(what: str, where: str) -> Source:
    return Source(
        what,
        where,
        lambda root: list(shd.find_files(root).values()),
        _convert_shd,
        channels=shd.COCHLEA,
        ordered=True,
    )


SOURCES: dict[str, Source] = {
    "digits": Source(digits.SOURCE, "", lambda root: [], _convert_digits),
    "events": Source(
        "your own recordings: events, or real-valued sequences",
        "*train.h5 (SHD layout) or train.npz, with or without a test part (docs/own-data.md)",
        own.files,
        own.convert,
        open=saved.open_any,
        own=True,
    ),
    "audio": _sounds(AudioOptions()),
    "shd": _shd(
        "Spiking Heidelberg Digits, or any recordings in their layout",
        "shd_train.h5 and shd_test.h5 from zenkelab.org (Spiking Heidelberg Digits)",
    ),
    "ssc": _shd(
        "Spiking Speech Commands",
        "ssc_train.h5, ssc_valid.h5 and ssc_test.h5 from zenkelab.org (Spiking Speech Commands)",
    ),
    "nmnist": _camera(
        cameras.NMNIST,
        "N-MNIST",
        "Train.zip and Test.zip from garrickorchard.com (N-MNIST; Mendeley Data 468j46mzdv) and unpack them",
    ),
    "dvsgesture": _camera(
        cameras.DVSGESTURE,
        "DVS128 Gesture",
        "DvsGesture.tar.gz from research.ibm.com/dvsgesture, or tonic's ibmGestureTrain.tar.gz and "
        "ibmGestureTest.tar.gz, and unpack them",
    ),
    "cifar10dvs": _camera(
        cameras.CIFAR10DVS,
        "CIFAR10-DVS",
        "airplane.zip to truck.zip from figshare.com (CIFAR10-DVS, doi:10.6084/m9.figshare.4724671) and unpack them",
    ),
    "ncaltech101": _camera(
        cameras.NCALTECH101,
        "N-Caltech101",
        "Caltech101.zip from garrickorchard.com (N-Caltech101; Mendeley Data cy6cvx3ryv) and unpack it",
    ),
    "cifar10": Source(
        "CIFAR-10, still images",
        "cifar-10-binary.tar.gz from cs.toronto.edu/~kriz/cifar.html and unpack it",
        lambda root: [file for files in cifar10.find_files(root).values() for file in files],
        _convert_cifar10,
        open=open_images,
    ),
    "smnist": _mnist("MNIST pixel by pixel, 784 steps", permuted=False),
    "psmnist": _mnist("MNIST pixel by pixel, in one permuted order", permuted=True),
}
