"""The recipes of the MPE-PSN paper on sets in their native formats: what becomes of frames, augmentation and time."""

import numpy as np
import pytest
import torch

from spikescan.data import cifar10
from spikescan.data.camera_augment import CameraAugmentation
from spikescan.data.event_batches import BatchMaker
from spikescan.data.image_batches import ImageBatches
from spikescan.errors import InputError
from spikescan.papers import _generated
from spikescan.training import recipe_files
from spikescan.training.build import material

FRAMES = {"dvsgesture": 16, "cifar10dvs": 10, "ncaltech101": 10}
CROPS = {"dvsgesture": 4, "cifar10dvs": 11, "ncaltech101": 6}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Opens the generated set of a name under its recipe."""
    folder = tmp_path_factory.mktemp("sets")

    def make(name, **changes):
        root = _generated.write(name, folder / name)
        changes = {key.replace("__", "."): value for key, value in changes.items()} | {"data.root": str(root)}
        return material(recipe_files.load(name, changes).resolved(), folder / "store")

    return make


@pytest.mark.parametrize("name", FRAMES)
def test_cameras_give_frames_of_equal_numbers_and_camera_augmentation(made, name):
    stuff = made(name)
    plain, augmented = stuff.maker("train"), stuff.maker("train", augment=True)
    assert isinstance(plain, BatchMaker)
    assert (plain.frames, plain.frame_by, plain.augment) == (FRAMES[name], "number", None)
    assert augmented.augment == CameraAugmentation(stuff.dataset.sensor, padding=CROPS[name], flip=0.5)
    events = plain(np.arange(4)).events
    assert events.shape == (FRAMES[name], 4, stuff.dataset.channels)
    counts = torch.zeros(FRAMES[name], 4).index_put_(
        (events.step, events.row), torch.ones(len(events)), accumulate=True
    )
    assert (counts == _generated.EVENTS // FRAMES[name]).all() or counts[:-1].unique().numel() == 1
    assert counts.sum() == 4 * _generated.EVENTS


def test_milliseconds_of_frames_are_those_of_the_recording(made):
    stuff = made("cifar10dvs")
    found = stuff.milliseconds("test", stuff.maker("test")(np.arange(5)))
    assert (found > 350).all()
    assert (found <= _generated.LASTS / 1e3).all()


def test_a_still_image_lasts_for_the_steps_that_it_is_shown(made):
    for changes, expected in (({}, 4 * 10.0), ({"network__steps": 7, "data__dt": 1e-3}, 7.0)):
        stuff = made("cifar10", **changes)
        found = stuff.milliseconds("train", stuff.maker("train")(np.arange(3)))
        assert found.tolist() == pytest.approx([expected] * 3)


def test_training_images_go_through_the_policy(made):
    stuff = made("cifar10")
    plain, augmented = stuff.maker("train"), stuff.maker("train", augment=True)
    assert isinstance(augmented, ImageBatches)
    assert plain.augment is None
    assert augmented.augment.policy
    assert augmented.augment == cifar10.batches(stuff.splits["train"].store, augment=True).augment
    one, same, other = (augmented(np.arange(9), seed=seed).events.value for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_test_samples_behind_the_last_full_batch_are_left_out_on_request(made):
    whole = made("cifar10dvs", training__batch_size=8)
    assert len(whole.splits["test"]) == 30
    stuff = made("cifar10dvs", training__batch_size=8, protocol__drop_last=True)
    assert stuff.splits["test"].indices.tolist() == list(range(24))
    assert len(stuff.splits["train"]) == 80
    with pytest.raises(InputError, match=r"protocol\.drop_last: 30 test samples do not fill one batch of 32"):
        made("cifar10dvs", protocol__drop_last=True)
    with pytest.raises(InputError, match="the held-out protocol counts every test sample"):
        made("cifar10dvs", protocol__drop_last=True, protocol__name="held-out", protocol__test="once")
