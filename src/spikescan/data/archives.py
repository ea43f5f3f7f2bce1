"""Where data sets are published: URLs and checksums, tonic's where it declares them, and unpacking."""

from __future__ import annotations

import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from spikescan.data.download import Archive
from spikescan.errors import InputError


def published(name: str) -> tuple[Archive, ...]:
    """The archives of the data set `name`. InputError for one that is not to be downloaded."""
    if name not in _PUBLISHED:
        raise InputError(f"data set {name}: nothing to download; `data fetch` knows {', '.join(_PUBLISHED)}")
    return _PUBLISHED[name]()


def unpack(file: Path, archive: Archive, folder: Path) -> None:
    """Unpack into `folder`, inner archives too. Nothing is ever written outside of it."""
    _extract(file, folder)
    for name in archive.inner:
        found = list(folder.rglob(name))
        if len(found) != 1:
            raise InputError(f"{file}: holds {len(found)} files {name}, not one")
        _extract(found[0], folder)
        found[0].unlink()


def _extract(file: Path, folder: Path) -> None:
    if file.name.endswith("-ubyte.gz"):  # no archive: its reader unpacks it
        shutil.copy(file, folder)
        return
    try:
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive:
                archive.extractall(folder)
        else:
            with tarfile.open(file) as archive:
                archive.extractall(folder, filter="data")
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, NotImplementedError) as error:
        raise InputError(f"{file}: cannot be unpacked ({error})") from None


def _tonic():
    try:
        from tonic import datasets
    except ImportError as error:
        raise InputError(f"tonic knows where the set is ({error}): pip install 'spikescan[vision]'") from None
    return datasets


def _train_and_test(name: str) -> tuple[Archive, ...]:
    known = getattr(_tonic(), name)
    return (
        Archive(known.train_url, known.train_filename, known.train_md5),
        Archive(known.test_url, known.test_filename, known.test_md5),
    )


def _heidelberg(name: str, splits: tuple[str, ...]) -> tuple[Archive, ...]:
    known = getattr(_tonic(), name)
    files = {split: getattr(known, f"{split}_zip") for split in splits}
    return tuple(Archive(known.base_url + file, file, getattr(known, f"{split}_md5")) for split, file in files.items())


def _ncaltech101() -> tuple[Archive, ...]:
    known = _tonic().NCALTECH101
    return (Archive(known.url, known.filename, known.file_md5, inner=(known.data_filename,)),)


def _cifar10dvs() -> tuple[Archive, ...]:
    """The original recordings (doi:10.6084/m9.figshare.4724671); tonic's URL is that of a conversion to AEDAT 4."""
    return tuple(
        Archive(f"https://ndownloader.figshare.com/files/{number}", f"{name}.zip", md5)
        for name, number, md5 in (
            ("airplane", 7712788, "0afd5c4bf9ae06af762a77b180354fdd"),
            ("automobile", 7712791, "8438dfeba3bc970c94962d995b1b9bdd"),
            ("bird", 7712794, "a9c207c91c55b9dc2002dc21c684d785"),
            ("cat", 7712812, "52c63c677c2b15fa5146a8daf4d56687"),
            ("deer", 7712815, "b6bf21f6c04d21ba4e23fc3e36c8a4a3"),
            ("dog", 7712818, "f379ebdf6703d16e0a690782e62639c3"),
            ("frog", 7712842, "cad6ed91214b1c7388a5f6ee56d08803"),
            ("horse", 7712851, "e7cbbf77bec584ffbf913f00e682782a"),
            ("ship", 7712836, "41c7bd7d6b251be82557c6cce9a7d5c9"),
            ("truck", 7712839, "89f3922fd147d9aeff89e76a2b0b70a7"),
        )
    )


def _cifar10() -> tuple[Archive, ...]:
    """The binary version; the Python version is pickled, and reading a pickle runs what is in it."""
    name = "cifar-10-binary.tar.gz"
    return (Archive(f"https://www.cs.toronto.edu/~kriz/{name}", name, "c32a1d4ab5d03f1284b67883e8d87530"),)


def _mnist() -> tuple[Archive, ...]:
    """MNIST's files where PyTorch mirrors them, checksums as torchvision declares them."""
    files = {
        "train-images-idx3": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "train-labels-idx1": "d53e105ee54ea40749a09fcbcd1e9432",
        "t10k-images-idx3": "9fb629c4189551a2d022fa330f9573f3",
        "t10k-labels-idx1": "ec29112dd5afa0611ce80d1b7f02629c",
    }
    base = "https://ossci-datasets.s3.amazonaws.com/mnist"
    return tuple(Archive(f"{base}/{name}-ubyte.gz", f"{name}-ubyte.gz", md5) for name, md5 in files.items())


_PUBLISHED: dict[str, Callable[[], tuple[Archive, ...]]] = {
    "shd": lambda: _heidelberg("SHD", ("train", "test")),
    "ssc": lambda: _heidelberg("SSC", ("train", "valid", "test")),
    "nmnist": lambda: _train_and_test("NMNIST"),
    "dvsgesture": lambda: _train_and_test("DVSGesture"),
    "cifar10dvs": _cifar10dvs,
    "ncaltech101": _ncaltech101,
    "cifar10": _cifar10,
    "smnist": _mnist,
    "psmnist": _mnist,
}
