"""AutoAugment: the published table, each operation by its own definition in numpy, and chance from one generator."""

import numpy as np
import pytest
from PIL import Image

from spikescan.data.auto_augment import OPERATIONS, POLICY, apply, auto_augment
from spikescan.data.image_batches import ImageAugmentation, ImageBatches
from spikescan.data.images import write_images


@pytest.fixture
def picture():
    return np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)


def changed(picture, name, magnitude, sign=1):
    return np.asarray(apply(Image.fromarray(picture), name, magnitude, sign)).astype(int)


def test_the_policy_has_25_pairs_of_known_operations():
    assert len(POLICY) == 25
    for pair in POLICY:
        assert len(pair) == 2
        for name, probability, magnitude in pair:
            assert name in OPERATIONS
            assert 0 <= probability <= 1
            assert 0 <= magnitude <= 9
    chances = [probability for pair in POLICY for _, probability, _ in pair]
    assert sum(chances) == pytest.approx(26.5)


def test_operations_on_values(picture):
    wide = picture.astype(int)
    assert np.array_equal(changed(picture, "invert", 3), 255 - wide)
    assert np.array_equal(changed(picture, "posterize", 9), wide // 16 * 16)  # four bits are left
    assert np.array_equal(changed(picture, "posterize", 0), wide)
    assert np.array_equal(changed(picture, "solarize", 9), 255 - wide)
    assert np.array_equal(changed(picture, "solarize", 0), wide)
    bright = np.clip(np.trunc(wide * 1.9), 0, 255)
    assert np.abs(changed(picture, "brightness", 9) - bright).max() <= 1
    assert np.abs(changed(picture, "brightness", 9, -1) - wide * 0.1).max() <= 1


def test_auto_contrast_and_equalize_fill_the_range(picture):
    dull = (100 + picture.astype(int) // 8).astype(np.uint8)
    for name in ("auto_contrast", "equalize"):
        found = changed(dull, name, 0)
        assert (found.min((0, 1)) == 0).all()
        assert (found.max((0, 1)) == 255).all()


@pytest.mark.parametrize("sign", [1, -1])
def test_a_translation_moves_by_its_share_and_fills_with_grey(picture, sign):
    far = round(150 / 331 * 32)  # 14.5 pixels: PIL takes the nearest one
    found = changed(picture, "translate_x", 9, sign)
    grey = (found == 128).all((0, 2))
    assert grey.sum() in (far, far + 1)
    moved = found[:, ~grey]
    kept = picture[:, -moved.shape[1] :] if sign > 0 else picture[:, : moved.shape[1]]
    assert np.array_equal(moved, kept)
    assert np.array_equal(changed(picture.transpose(1, 0, 2), "translate_y", 9, sign), found.transpose(1, 0, 2))


def test_shear_and_rotation_keep_the_middle(picture):
    for name in ("shear_x", "shear_y", "rotate"):
        assert np.array_equal(changed(picture, name, 0), picture)
        assert not np.array_equal(changed(picture, name, 9), picture)
    assert np.array_equal(changed(picture, "shear_x", 9)[0], picture[0])
    assert np.array_equal(changed(picture, "shear_y", 9)[:, 0], picture[:, 0])


def test_every_operation_keeps_size_and_type(picture):
    for name in OPERATIONS:
        for sign in (1, -1):
            found = np.asarray(apply(Image.fromarray(picture), name, 5, sign))
            assert (found.shape, found.dtype) == (picture.shape, np.uint8)


def test_chance_is_the_generators_alone():
    images = np.random.default_rng(1).integers(0, 256, (40, 3, 32, 32), dtype=np.uint8)
    one, same, other = (auto_augment(images, np.random.default_rng(seed)) for seed in (5, 5, 6))
    assert np.array_equal(one, same)
    assert (one.shape, one.dtype) == (images.shape, np.uint8)
    assert not np.array_equal(one, other)
    unchanged = (one == images).all((1, 2, 3)).mean()
    assert 0 < unchanged < 0.6


def test_batches_take_the_policy_before_the_hole(tmp_path):
    images = np.random.default_rng(2).integers(0, 256, (12, 3, 32, 32), dtype=np.uint8)
    store = write_images(tmp_path / "s", images, np.zeros(12), source="x")
    norm = {"mean": (0.0,) * 3, "deviation": (1.0,) * 3}
    still = ImageAugmentation(padding=0, flip=0, hole=0, policy=True)
    found = ImageBatches(store, **norm, augment=still)(np.arange(12), seed=3).events.dense().reshape(12, 3, 32, 32)
    generator = np.random.default_rng(3)
    expected = auto_augment(still.move(images, generator), generator)
    assert np.allclose(found.numpy() * 255, expected, atol=1e-3)
