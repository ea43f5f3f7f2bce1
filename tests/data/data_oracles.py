"""The slow, plain definitions that the fast code must equal."""

import math
from fractions import Fraction

import numpy as np


def scaled_image(image, factor, shift):
    """Nearest-neighbour zoom by `factor` about the centre, then a shift along channels; image (T, C)."""
    steps, channels = image.shape
    result = np.zeros_like(image)
    for t in range(steps):
        for c in range(channels):
            source = _nearest(t, steps, factor), _nearest(c - shift, channels, factor)
            if 0 <= source[0] < steps and 0 <= source[1] < channels:
                result[t, c] = image[source]
    return result


def _nearest(place, size, factor):
    centre = (size - 1) / 2
    return math.floor((place - centre) / factor + centre + 0.5)


def image(times, channels, *, dt=None, frames=None, inputs, pool=1):
    """(T, C) counts of one sample; times in µs, dt an exact Fraction of µs."""
    duration = max(times, default=-1) + 1
    steps = frames or math.floor(Fraction(max(int(duration) - 1, 0)) / dt) + 1
    result = np.zeros((steps, -(-inputs // pool)), np.int64)
    for time, channel in zip(times, channels, strict=True):
        step = int(time) * frames // int(duration) if frames else math.floor(Fraction(int(time)) / dt)
        result[step, channel // pool] += 1
    return result


def stack(images, pad="right"):
    """(T, B, C) from images of different length."""
    steps = max(len(image) for image in images)
    result = np.zeros((steps, len(images), images[0].shape[1]), np.int64)
    for row, one in enumerate(images):
        start = steps - len(one) if pad == "left" else 0
        result[start : start + len(one), row] = one
    return result
