"""MNIST's files as sequences: what is in the store, in which order, and what will not do."""

import gzip
import hashlib

import mnist_files
import numpy as np
import pytest
from mnist_files import pictures, write_set

from spikescan.data import mnist
from spikescan.data.catalog import load
from spikescan.data.info import describe
from spikescan.errors import InputError

IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", ["smnist", "psmnist"])
def test_pixels_are_in_the_store(tmp_path, name, packed):
    write_set(tmp_path / "m", packed=packed)
    found = load(name, root=tmp_path / "m", store=tmp_path / "s")
    assert (found.name, found.channels, found.classes, found.sensor, found.notes) == (name, 1, 10, None, ())
    for seed, part in enumerate((found.train, found.test)):
        images, labels = pictures(len(part), seed)
        order = range(784) if name == "smnist" else mnist.permutation()
        assert part.labels.tolist() == labels.tolist()
        assert part.store.dt == 1e-3
        for index in (0, len(part) - 1):
            sequence = part.sample(index)
            assert (sequence.shape, sequence.dtype) == ((784, 1), np.float32)
            expected = [np.float32(images[index].reshape(-1)[pixel] / 255) for pixel in order]
            assert sequence[:, 0].tolist() == expected
    assert (len(found.train), len(found.test)) == (mnist_files.TRAIN, mnist_files.TEST)


def test_the_permutation_never_changes():
    order = mnist.permutation()
    assert sorted(order) == list(range(784))
    assert order[:8].tolist() == [319, 576, 323, 107, 355, 716, 197, 20]
    digest = hashlib.sha256(order.astype("<i8").tobytes()).hexdigest()
    assert digest == "96240fe27409981c3ed3e92c20d995f7103a94c2282307bc776923030113be74"


def test_pictures_of_the_test_alone_are_divided_and_it_is_said(tmp_path):
    write_set(tmp_path / "m", train=False)
    found = load("smnist", root=tmp_path / "m", store=tmp_path / "s")
    images, labels = pictures(mnist_files.TEST, 1)
    assert (len(found.train), len(found.test)) == (18, 2)
    assert [*found.train.labels, *found.test.labels] == labels.tolist()
    np.testing.assert_array_equal(found.test.sample(0)[:, 0], (images[18].reshape(-1) / 255).astype(np.float32))
    (said,) = describe(found).repairs
    assert said.endswith("the first 18 are for training and the last 2 for testing")


def test_the_two_sets_have_stores_of_their_own(tmp_path):
    write_set(tmp_path / "m")
    one, other = (load(name, root=tmp_path / "m", store=tmp_path / "s") for name in ("smnist", "psmnist"))
    assert one.folder != other.folder
    assert not np.array_equal(one.test.sample(0), other.test.sample(0))


def test_unpacked_files_are_read_first(tmp_path):
    write_set(tmp_path / "m")
    (tmp_path / "m" / f"{IMAGES}.gz").write_bytes(b"no gzip")
    assert len(load("smnist", root=tmp_path / "m", store=tmp_path / "s").train) == mnist_files.TRAIN


@pytest.mark.parametrize(
    ("name", "spoil", "message"),
    [
        (
            IMAGES,
            lambda whole: whole[:-1],
            r"images-idx3-ubyte: 31375 bytes, and its head promises 40 x 28 x 28 in 31376",
        ),
        (IMAGES, lambda whole: whole + b"x", r"images-idx3-ubyte: 31377 bytes"),
        (IMAGES, lambda whole: whole[:10], r"images-idx3-ubyte: 10 bytes"),
        (IMAGES, lambda whole: b"", r"images-idx3-ubyte: begins with nothing, not 00000803: no IDX file of pictures"),
        (IMAGES, lambda whole: b"\x89PNG" + whole[4:], r"images-idx3-ubyte: begins with 89504e47, not 00000803"),
        (IMAGES, lambda whole: whole[:8] + b"\0\0\0\x0e\0\0\0\x38" + whole[16:], r"of 14 x 56 pixels, not 28 x 28"),
        (LABELS, lambda whole: b"\0\0\x08\x03" + whole[4:], r"begins with 00000803, not 00000801: .*of labels"),
        (LABELS, lambda whole: mnist_files.idx(np.zeros(0, np.uint8)), r"labels-idx1-ubyte: 8 bytes"),
        (LABELS, lambda whole: mnist_files.idx(np.zeros(7, np.uint8)), r"7 labels, and train-images.* has 40 pictures"),
        (LABELS, lambda whole: whole[:10] + b"\x0a" + whole[11:], r"labels-idx1-ubyte: label 2 is 10, outside 0 to 9"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_files_that_are_not_whole(tmp_path, name, spoil, message, packed):
    file = write_set(tmp_path / "m", packed=packed)[name]
    content = file.read_bytes()
    file.write_bytes(gzip.compress(spoil(gzip.decompress(content))) if packed else spoil(content))
    with pytest.raises(InputError, match=message.replace("ubyte:", r"ubyte.gz:" if packed else "ubyte:")) as error:
        load("smnist", root=tmp_path / "m", store=tmp_path / "s")
    assert str(file) in str(error.value)
    assert not list((tmp_path / "s").glob("smnist-*"))


@pytest.mark.parametrize("harm", [lambda whole: whole[:-20], lambda whole: b"x" + whole, lambda whole: whole[:90]])
def test_a_damaged_gzip_is_named(tmp_path, harm):
    file = write_set(tmp_path / "m", packed=True)[IMAGES]
    file.write_bytes(harm(file.read_bytes()))
    with pytest.raises(InputError, match=r"train-images-idx3-ubyte.gz: cannot be read .*fetch it again"):
        load("smnist", root=tmp_path / "m", store=tmp_path / "s")


@pytest.mark.parametrize("missing", mnist_files.FILES)
def test_a_missing_file_is_named(tmp_path, missing):
    write_set(tmp_path / "m")[missing].unlink()
    with pytest.raises(InputError, match=f"m: no {missing} or {missing}.gz, .*holds t"):
        load("smnist", root=tmp_path / "m", store=tmp_path / "s")


def test_folders_that_will_not_do(tmp_path):
    with pytest.raises(InputError, match="absent: no such folder"):
        load("smnist", root=tmp_path / "absent")
    with pytest.raises(InputError, match=r"`spikescan data fetch psmnist` gets it, or get the files train-images"):
        load("psmnist")
    write_set(tmp_path / "m", train=False)["t10k-images-idx3-ubyte"].write_bytes(
        mnist_files.idx(np.zeros((1, 28, 28), np.uint8))
    )
    (tmp_path / "m" / "t10k-labels-idx1-ubyte").write_bytes(mnist_files.idx(np.zeros(1, np.uint8)))
    with pytest.raises(InputError, match="one picture and no train-images-idx3-ubyte; it cannot be divided"):
        load("smnist", root=tmp_path / "m", store=tmp_path / "s")
    write_set(tmp_path / "w")
    with pytest.raises(InputError, match="1 channels where there are 7"):
        load("smnist", root=tmp_path / "w", store=tmp_path / "s", channels=7)
