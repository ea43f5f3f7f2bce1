"""AutoAugment's policy for CIFAR-10 (Cubuk et al. 2019, arXiv:1805.09501, table 7), on images of bytes.

A sub-policy is two operations, each with a probability and a magnitude from 0 to 9; every image gets one of the 25 at
random. Magnitudes are ten equal steps over the ranges of the paper's table 6; those of shear, translation, rotation and
the enhancements take a sign at random. A translation of magnitude 9 is 150/331 of the image, the paper's 150 pixels of
its ImageNet pictures, as ports to PyTorch have it. What comes in from outside is grey (128).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

GREY = (128, 128, 128)
Operation = tuple[str, float, int]
"""Name, probability, magnitude."""

POLICY: tuple[tuple[Operation, Operation], ...] = (
    (("invert", 0.1, 7), ("contrast", 0.2, 6)),
    (("rotate", 0.7, 2), ("translate_x", 0.3, 9)),
    (("sharpness", 0.8, 1), ("sharpness", 0.9, 3)),
    (("shear_y", 0.5, 8), ("translate_y", 0.7, 9)),
    (("auto_contrast", 0.5, 8), ("equalize", 0.9, 2)),
    (("shear_y", 0.2, 7), ("posterize", 0.3, 7)),
    (("color", 0.4, 3), ("brightness", 0.6, 7)),
    (("sharpness", 0.3, 9), ("brightness", 0.7, 9)),
    (("equalize", 0.6, 5), ("equalize", 0.5, 1)),
    (("contrast", 0.6, 7), ("sharpness", 0.6, 5)),
    (("color", 0.7, 7), ("translate_x", 0.5, 8)),
    (("equalize", 0.3, 7), ("auto_contrast", 0.4, 8)),
    (("translate_y", 0.4, 3), ("sharpness", 0.2, 6)),
    (("brightness", 0.9, 6), ("color", 0.2, 8)),
    (("solarize", 0.5, 2), ("invert", 0.0, 3)),
    (("equalize", 0.2, 0), ("auto_contrast", 0.6, 0)),
    (("equalize", 0.2, 8), ("equalize", 0.6, 4)),
    (("color", 0.9, 9), ("equalize", 0.6, 6)),
    (("auto_contrast", 0.8, 4), ("solarize", 0.2, 8)),
    (("brightness", 0.1, 3), ("color", 0.7, 0)),
    (("solarize", 0.4, 5), ("auto_contrast", 0.9, 3)),
    (("translate_y", 0.9, 9), ("translate_y", 0.7, 9)),
    (("auto_contrast", 0.9, 2), ("solarize", 0.8, 3)),
    (("equalize", 0.8, 8), ("invert", 0.1, 3)),
    (("translate_y", 0.7, 9), ("auto_contrast", 0.9, 1)),
)


def auto_augment(images: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Images (B, 3, H, W) uint8, each under one sub-policy; a function of the images and of the generator's state."""
    chosen = generator.integers(0, len(POLICY), len(images))
    chances = generator.random((len(images), 2))
    signs = generator.choice((-1, 1), (len(images), 2))
    found = np.empty_like(images)
    for place, image in enumerate(images):
        picture = Image.fromarray(np.ascontiguousarray(image.transpose(1, 2, 0)))
        operations = zip(POLICY[chosen[place]], chances[place], signs[place], strict=True)
        for (name, probability, magnitude), chance, sign in operations:
            if chance < probability:
                picture = apply(picture, name, magnitude, int(sign))
        found[place] = np.asarray(picture).transpose(2, 0, 1)
    return found


def apply(image: Image.Image, name: str, magnitude: int, sign: int = 1) -> Image.Image:
    """One operation of `OPERATIONS` on an RGB image."""
    return OPERATIONS[name](image, magnitude / 9, sign)


def _affine(image: Image.Image, *matrix: float) -> Image.Image:
    return image.transform(image.size, Image.Transform.AFFINE, matrix, fillcolor=GREY)


def _enhance(kind: Callable[..., ImageEnhance._Enhance]) -> Callable[[Image.Image, float, int], Image.Image]:
    return lambda image, share, sign: kind(image).enhance(1 + 0.9 * share * sign)


OPERATIONS: dict[str, Callable[[Image.Image, float, int], Image.Image]] = {
    "shear_x": lambda image, share, sign: _affine(image, 1, 0.3 * share * sign, 0, 0, 1, 0),
    "shear_y": lambda image, share, sign: _affine(image, 1, 0, 0, 0.3 * share * sign, 1, 0),
    "translate_x": lambda image, share, sign: _affine(image, 1, 0, 150 / 331 * share * image.width * sign, 0, 1, 0),
    "translate_y": lambda image, share, sign: _affine(image, 1, 0, 0, 0, 1, 150 / 331 * share * image.height * sign),
    "rotate": lambda image, share, sign: image.rotate(30 * share * sign, fillcolor=GREY),
    "color": _enhance(ImageEnhance.Color),
    "contrast": _enhance(ImageEnhance.Contrast),
    "brightness": _enhance(ImageEnhance.Brightness),
    "sharpness": _enhance(ImageEnhance.Sharpness),
    "posterize": lambda image, share, sign: ImageOps.posterize(image, 8 - round(4 * share)),
    "solarize": lambda image, share, sign: ImageOps.solarize(image, round(256 * (1 - share))),
    "auto_contrast": lambda image, share, sign: ImageOps.autocontrast(image),
    "equalize": lambda image, share, sign: ImageOps.equalize(image),
    "invert": lambda image, share, sign: ImageOps.invert(image),
}
"""(image, magnitude as a share of the range, sign)."""
