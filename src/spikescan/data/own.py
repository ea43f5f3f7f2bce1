"""A folder of a user's own recordings (`spikescan train events --root DIR`), in one of three layouts.

HDF5   *train.h5, and where there are such *test.h5 and *valid.h5, in the SHD layout (`shd.py`)
numpy  train.npz, and where there are such test.npz and valid.npz (`npz.py`)
saved  what `Dataset.save` wrote: the folder itself, or its folders train, test and valid

Nothing is taken for granted: channels are the largest + 1, unless the files say more.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from spikescan.data import npz, saved, shd
from spikescan.data.dataset import Dataset, Store
from spikescan.data.write import Progress
from spikescan.errors import InputError

PARTS = ("train", "test", "valid")
_LAYOUTS = (
    "it needs *train.h5 (the SHD layout), or train.npz, or what Dataset.save wrote; *test.h5 and *valid.h5, "
    "or test.npz and valid.npz, may lie beside it"
)


def find_parts(root: Path) -> dict[str, Path]:
    """Files (or folders, of saved sets) by part, always with ``train``. InputError where they are not clear."""
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; --root names the folder with your recordings")
    found = {kind: parts for kind, find in _LAYOUT.items() if "train" in (parts := find(root))}
    if len(found) != 1:
        listing = ", ".join(sorted(path.name for path in root.iterdir())[:20]) or "nothing"
        what = f"has recordings as {' and as '.join(found)}: keep one" if found else "has no training recordings"
        raise InputError(f"{root}: {what}; {_LAYOUTS}; the folder holds {listing}")
    (parts,) = found.values()
    return parts


def files(root: Path) -> list[Path]:
    """All that is read of `root`."""
    paths = find_parts(root).values()
    return [file for path in paths for file in (sorted(path.iterdir()) if path.is_dir() else [path])]


def convert(root: Path, folder: Path, channels: int | None, progress: Progress | None) -> None:
    """Write the parts of `root` as stores `folder`/train and so on. InputError, naming the file, for anything
    unsound."""
    names: tuple[str, ...] | None = None
    for part, path in find_parts(root).items():
        store = _convert(path, folder / part, channels, progress, names)
        _check_names(path, names, store)
        names = names or store.meta.class_names


def _convert(
    path: Path, folder: Path, channels: int | None, progress: Progress | None, names: tuple[str, ...] | None
) -> Store:
    if path.suffix == ".h5":
        return shd.convert(path, folder, channels, progress, names)
    data: Dataset = saved.load(path) if path.is_dir() else npz.read(path, names)
    store = saved.write(data, folder)
    if progress:
        progress(path.name, len(data), len(data))
    return store


def _check_names(path: Path, names: tuple[str, ...] | None, store: Store) -> None:
    other = store.meta.class_names
    if names and other and any(name != known for name, known in zip(other, names, strict=False)):
        raise InputError(f"{path}: classes {', '.join(other)}, and the training part has {', '.join(names)}")


def _saved(root: Path) -> dict[str, Path]:
    if (root / "meta.json").is_file():
        return {"train": root}
    return {part: root / part for part in PARTS if (root / part / "meta.json").is_file()}


def _npz(root: Path) -> dict[str, Path]:
    return {part: root / f"{part}.npz" for part in PARTS if (root / f"{part}.npz").is_file()}


def _h5(root: Path) -> dict[str, Path]:
    found = {part: sorted(root.glob(f"*{part}.h5")) for part in PARTS}
    for part, paths in found.items():
        if len(paths) > 1:
            listing = ", ".join(path.name for path in paths)
            raise InputError(f"{root}: needs one file *{part}.h5, has {listing}")
    return {part: paths[0] for part, paths in found.items() if paths}


_LAYOUT: dict[str, Callable[[Path], dict[str, Path]]] = {"HDF5": _h5, "npz": _npz, "a saved set": _saved}
