"""Data sets: from arrays, files and folders to batches. The names below are imported when they are first asked for."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .arrays import from_arrays
    from .audio_set import from_audio
    from .augment import Augmentation
    from .camera_augment import CameraAugmentation
    from .dataset import Dataset
    from .dense_arrays import from_dense
    from .event_tensor import Batch, EventTensor
    from .loading import batches
    from .saved import load
    from .shd import from_hdf5
    from .torch_data import as_torch, collate

__all__ = [
    "Augmentation",
    "Batch",
    "CameraAugmentation",
    "Dataset",
    "EventTensor",
    "as_torch",
    "batches",
    "collate",
    "from_arrays",
    "from_audio",
    "from_dense",
    "from_hdf5",
    "load",
]

_HOMES = {
    "Augmentation": "augment",
    "Batch": "event_tensor",
    "CameraAugmentation": "camera_augment",
    "Dataset": "dataset",
    "EventTensor": "event_tensor",
    "as_torch": "torch_data",
    "batches": "loading",
    "collate": "torch_data",
    "from_arrays": "arrays",
    "from_audio": "audio_set",
    "from_dense": "dense_arrays",
    "from_hdf5": "shd",
    "load": "saved",
}
"""The module that each public name is from."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
