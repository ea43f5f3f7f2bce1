import pickle
import shutil

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spikescan.data import cifar10
from spikescan.data.catalog import load
from spikescan.data.image_batches import ImageAugmentation, ImageBatches
from spikescan.data.images import open_images, write_images
from spikescan.data.info import describe
from spikescan.errors import InputError
from spikescan.networks import SpikingMLP
from spikescan.training import build, recipe_files

SIZES = {f"data_batch_{k}.bin": 10 + k for k in range(1, 6)} | {"test_batch.bin": 20}


def records(count, seed):
    """(images (n, 3, 32, 32), labels) and the bytes of a file with them."""
    rng = np.random.default_rng(seed)
    images, labels = rng.integers(0, 256, (count, 3, 32, 32)), np.arange(count) % 10
    content = b"".join(bytes([label, *image.reshape(-1)]) for image, label in zip(images, labels, strict=True))
    return images, labels, content


def write_set(root):
    root.mkdir(parents=True)
    for seed, (name, count) in enumerate(SIZES.items()):
        (root / name).write_bytes(records(count, seed)[2])
    return root


def test_what_the_files_say_is_in_the_store(tmp_path):
    root = write_set(tmp_path / "c" / "cifar-10-batches-bin").parent
    found = load("cifar10", root=root, store=tmp_path / "s")
    assert (found.sensor, found.channels, found.classes) == ((3, 32, 32), 3072, 10)
    assert found.class_names == cifar10.CLASS_NAMES
    assert (len(found.train), len(found.test)) == (11 + 12 + 13 + 14 + 15, 20)
    images, labels, _ = records(12, 1)
    assert np.array_equal(found.train.store.images[11:23], images)
    assert found.train.labels[11:23].tolist() == labels.tolist()
    again = load("cifar10", root=root / "cifar-10-batches-bin", store=tmp_path / "s")
    assert np.array_equal(again.test.store.images, found.test.store.images)
    assert describe(found).splits["test"].samples_per_class == (2,) * 10


def test_a_record_by_hand(tmp_path):
    """Label 7; red 1 in the upper right corner, green 2 in the lower left, blue 3 one below the upper left."""
    planes = np.zeros((3, 1024), np.uint8)
    planes[0, 31], planes[1, 992], planes[2, 32] = 1, 2, 3
    file = tmp_path / "x.bin"
    file.write_bytes(bytes([7]) + planes.tobytes())
    store = cifar10.convert([file], tmp_path / "s", "one")
    assert store.labels.tolist() == [7]
    assert np.argwhere(store.images).tolist() == [[0, 0, 0, 31], [0, 1, 31, 0], [0, 2, 1, 0]]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda file: file.write_bytes(file.read_bytes()[:-1]), "data_batch_3.bin: 39948 bytes, not records of 3073"),
        (lambda file: file.write_bytes(b""), "data_batch_3.bin: 0 bytes"),
        (lambda file: file.write_bytes(bytes(3073) + b"\x0a" + bytes(3072)), "record 1 has label 10, outside 0 to 9"),
        (lambda file: file.unlink(), "data_batch_3.bin: no such file; CIFAR-10 has data_batch_1.bin"),
    ],
)
def test_a_broken_file_is_named_and_leaves_no_store(tmp_path, spoil, message):
    root = write_set(tmp_path / "c")
    spoil(root / "data_batch_3.bin")
    with pytest.raises(InputError, match=message):
        load("cifar10", root=root, store=tmp_path / "s")
    assert not (tmp_path / "s").exists() or list((tmp_path / "s").iterdir()) == []


class Bomb:
    def __reduce__(self):
        return exec, ("raise SystemExit('a pickle was run')",)


def test_pickled_files_are_not_opened(tmp_path):
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for name in (*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"):
        (folder / name).write_bytes(pickle.dumps(Bomb()))
    for root in (tmp_path, folder):
        with pytest.raises(InputError, match=r"the Python version\) are not read, get cifar-10-binary"):
            load("cifar10", root=root, store=tmp_path / "s")


def test_a_missing_root(tmp_path):
    with pytest.raises(InputError, match="no such folder; --root"):
        load("cifar10", root=tmp_path / "none", store=tmp_path / "s")


@pytest.fixture
def store(tmp_path):
    rng = np.random.default_rng(0)
    return write_images(tmp_path / "i", rng.integers(0, 256, (6, 3, 8, 9)), np.arange(6) % 3, source="a test")


@pytest.mark.parametrize("name", ["pixels.npy", "labels.npy", "meta.json"])
@pytest.mark.parametrize("spoil", ["cut", "remove"])
def test_a_damaged_store_is_named(store, name, spoil):
    file = store.path / name
    file.unlink() if spoil == "remove" else file.write_bytes(file.read_bytes()[:-3])
    with pytest.raises(InputError, match=name):
        open_images(store.path)


@pytest.mark.parametrize("name", ["pixels", "labels"])
def test_columns_that_do_not_belong_together(store, name):
    file = store.path / f"{name}.npy"
    np.save(file, np.load(file)[:-1])
    with pytest.raises(InputError, match=rf"{name}.npy: damaged event store, \d+ entries where meta.json promises"):
        open_images(store.path)


def test_an_event_store_is_no_image_store(tmp_path, make_store):
    with pytest.raises(InputError, match="it gives no size of the images"):
        open_images(make_store([([0], [0])]).path)


HALF = {"mean": (0.5, 0.4, 0.3), "deviation": (0.2, 0.3, 0.1)}


def test_a_batch_is_the_normalised_images(store):
    batch = ImageBatches(store, **HALF)([4, 1, 4])
    assert batch.events.shape == (1, 3, 216)
    assert batch.labels.tolist() == [1, 1, 1]
    assert batch.lengths.tolist() == [1, 1, 1]
    assert batch.indices.tolist() == [4, 1, 4]
    dense = batch.events.dense()
    for row, index in enumerate([4, 1, 4]):
        expected = torch.stack(
            [
                (torch.tensor(store.images[index, c]).float() / 255 - HALF["mean"][c]) / HALF["deviation"][c]
                for c in range(3)
            ]
        )
        assert torch.allclose(dense[0, row].view(3, 8, 9), expected, atol=1e-6)


def test_no_images(store):
    assert ImageBatches(store, **HALF, augment=ImageAugmentation())([]).events.dense().shape == (1, 0, 216)


@given(st.integers(0, 12), st.sampled_from([0.0, 0.5, 1.0]), st.integers(0, 2**32))
def test_crop_and_mirror_equal_the_padded_picture(store, padding, flip, seed):
    """The same draws, then numpy's own pad and slices."""
    generator = np.random.default_rng(seed)
    down, right = generator.integers(-padding, padding, (2, 6, 1), endpoint=True)[..., 0]
    mirrored = generator.random((6, 1))[:, 0] < flip
    found = ImageAugmentation(padding, flip).move(store.images, np.random.default_rng(seed))
    for image, result, d, r, m in zip(store.images, found, down, right, mirrored, strict=True):
        image = np.pad(image[..., ::-1] if m else image, [(0, 0), (padding, padding), (padding, padding)])
        assert np.array_equal(result, image[:, padding - d : padding - d + 8, padding - r : padding - r + 9])


@pytest.mark.parametrize("hole", [0, 1, 4, 5])
def test_holes_are_squares_that_the_edge_may_cut(hole):
    kept = ImageAugmentation(hole=hole).holes((3000, 3, 8, 9), np.random.default_rng(1))
    sizes = (~kept).sum((1, 2, 3))
    assert sizes.max() == hole**2
    assert sizes.min() == ((hole + 1) // 2) ** 2
    assert hole == 0 or (~kept).any(0).all()
    for one in ~kept[:50, 0]:
        rows, columns = one.any(1), one.any(0)
        assert np.array_equal(one, rows[:, None] & columns)
        assert np.sum(np.diff(rows.astype(int)) != 0) <= 2


def test_the_seed_governs_the_augmentation_alone(store):
    maker = ImageBatches(store, **HALF, augment=ImageAugmentation(padding=2, hole=3))
    first, again, other = (maker(np.arange(6), seed).events.dense() for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    copy = pickle.loads(pickle.dumps(maker))
    assert torch.equal(copy(np.arange(6), 1).events.dense(), first)
    plain = ImageBatches(store, **HALF)
    assert torch.equal(plain([0], 1).events.dense(), plain([0], 2).events.dense())
    assert torch.equal(first, maker(np.arange(6), torch.tensor(1)).events.dense())


@pytest.mark.parametrize("index", [-1, 6])
def test_images_that_do_not_exist(store, index):
    with pytest.raises(IndexError, match=f"no sample {index}"):
        ImageBatches(store, **HALF)([0, index])


@pytest.mark.parametrize(
    "values",
    [{"mean": (0.5,)}, {"mean": (0.5, 0.5, float("nan"))}, {"deviation": (1, 1, 0)}, {"deviation": (1, 1, -1)}],
)
def test_impossible_normalisation(store, values):
    with pytest.raises(ValueError, match=next(iter(values))):
        ImageBatches(store, **(HALF | values))


@pytest.mark.parametrize("values", [{"padding": -1}, {"hole": -1}, {"hole": 1.5}, {"flip": 2.0}])
def test_impossible_augmentation(values):
    with pytest.raises(ValueError, match=next(iter(values))):
        ImageAugmentation(**values)


def test_training_takes_them(tmp_path):
    """A step of constant current, an image a row; no more is needed than for events."""
    changes = {"data.name": "cifar10", "data.root": str(write_set(tmp_path / "c"))}
    stuff = build.material(recipe_files.load("digits", changes), store=tmp_path / "s")
    batch = stuff.maker("train", augment=True)(np.arange(5), 1)
    readout = SpikingMLP(stuff.inputs, (4,), 10).run(batch.events, seed=1, lengths=batch.lengths).readout
    assert readout.shape == (1, 5, 10)
    assert torch.isfinite(readout).all()
    assert len(stuff.splits["validation"]) > 0


def test_a_store_that_is_gone(store):
    shutil.rmtree(store.path)
    with pytest.raises(InputError, match=r"meta.json: not an event store"):
        open_images(store.path)
