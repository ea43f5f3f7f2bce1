"""Mixup on events: what is mixed, how often, for how long, and that a seed fixes it."""

import numpy as np
import pytest
import torch

from spikescan.data.event_tensor import Batch, EventTensor
from spikescan.training import recipe_files
from spikescan.training.mixup import mixed, mixup

T, B, C = 4, 5, 6


def batch(value: bool = False) -> Batch:
    rng = np.random.default_rng(3)
    row = torch.from_numpy(np.sort(rng.integers(0, B, 40))).int()
    step, channel = (torch.from_numpy(rng.integers(0, most, 40)).int() for most in (T, C))
    events = EventTensor(step, row, channel, (T, B, C), torch.rand(40) if value else None)
    return Batch(events, torch.arange(B), torch.tensor([4, 1, 2, 3, 4]), torch.arange(B) + 10)


def values(**changes):
    changes = {"mixup": 0.5} | changes
    return recipe_files.load("nmnist", {f"training.{key}": value for key, value in changes.items()}).training


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("share", [0.3, 0.8])
def test_frames_mix_and_the_larger_share_names_the_label(share, weighted):
    one = batch(weighted)
    out, frames = mixed(one, share), one.events.dense()
    torch.testing.assert_close(out.events.dense(), share * frames + (1 - share) * frames.flip(1))
    assert out.labels.tolist() == ([0, 1, 2, 3, 4] if share > 0.5 else [4, 3, 2, 1, 0])
    assert out.lengths.tolist() == [4, 3, 2, 3, 4]
    assert (out.events.row.diff() >= 0).all()
    assert out.events.row.dtype == out.events.step.dtype == torch.int32


def test_published_frequency_and_shares():
    """Half of the batches, shares from Beta(½, ½): mean ½, variance 1/8."""
    shares = []
    for seed in range(2000):
        out = mixup(batch(), values(), 0, seed)
        if out.events.value is not None:
            shares.append(float(out.events.value.max()))  # the larger share
    assert 0.45 < len(shares) / 2000 < 0.55
    assert np.mean((np.array(shares) - 0.5) ** 2) == pytest.approx(1 / 8, rel=0.1)


def test_epochs_0_to_140():
    always = values(mixup=1.0)
    assert mixup(batch(), always, 140, 1).events.value is not None
    assert mixup(batch(), always, 141, 1).events.value is None
    assert mixup(batch(), values(mixup=1.0, mixup_epochs="none"), 10_000, 1).events.value is not None
    one = batch()
    assert mixup(one, values(mixup=0.0), 0, 1) is one


def test_a_seed_fixes_it():
    draw = [mixup(batch(), values(mixup=1.0), 0, seed).events.dense() for seed in (5, 5, 6)]
    assert torch.equal(draw[0], draw[1])
    assert not torch.equal(draw[0], draw[2])
