"""Recordings from sound files."""

from pathlib import Path

import numpy as np

from spikescan.errors import InputError


def read(path: str | Path) -> tuple[np.ndarray, int]:
    """The samples of a sound file and their rate.

    Args:
        path: wav or flac, 8 to 32 bits or float, any rate, any number of channels.
    Returns:
        (n,) float32, whole numbers scaled to [-1, 1), the mean of the file's channels; samples a second.
    Raises:
        InputError: for a file that is missing or no sound, has no samples, or has some that are not finite.
    """
    import soundfile

    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)  # (n, channels of the file)
    except (soundfile.LibsndfileError, OSError, TypeError) as error:
        raise InputError(f"{path}: cannot be read as sound ({error}); wav and flac files are read") from None
    if not len(samples):
        raise InputError(f"{path}: the recording has no samples")
    if not np.isfinite(samples).all():
        raise InputError(f"{path}: the recording has samples that are not finite numbers")
    return samples.mean(axis=1, dtype=np.float32), int(rate)
