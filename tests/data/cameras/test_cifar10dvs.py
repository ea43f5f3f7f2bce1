import numpy as np
import pytest
from camera_files import aedat2_bytes, channels, some_events

from spikescan.data import vision
from spikescan.data.cameras import CIFAR10DVS
from spikescan.data.catalog import load
from spikescan.errors import InputError


def write_set(root, numbers=(0, 5, 99, 100, 1000), classes=CIFAR10DVS.class_names):
    for label, name in enumerate(classes):
        (root / name).mkdir(parents=True)
        for number in numbers:
            t, x, y, p = some_events(20, seed=label * 1000 + number)
            (root / name / f"cifar10_{name}_{number}.aedat").write_bytes(aedat2_bytes(t + 5, x, y, p))
    return root


def test_what_the_files_say_is_in_the_store(tmp_path):
    found = load("cifar10dvs", root=write_set(tmp_path / "c"), store=tmp_path / "s")
    assert (found.sensor, found.classes, found.channels) == ((2, 128, 128), 10, 32768)
    assert found.class_names[8] == "ship"
    assert (len(found.train), len(found.test)) == (20, 30)
    t, x, y, p = some_events(20, seed=3 * 1000 + 100)
    times, stored = found.train.sample(6)
    assert found.train.labels[6] == 3
    assert times.tolist() == t.tolist()
    assert stored.tolist() == channels(x, y, p)


def test_the_bits_of_an_address(tmp_path):
    """Spelled out: 0x7F01 is column 127, the last row, darker; bit 15 says nothing."""
    file = tmp_path / "x.aedat"
    words = np.array([0x7F01, 0, 0x0000, 4, 0x80FE, 9], ">u4")
    file.write_bytes(b"#!AER-DAT2.0\r\n" + words.tobytes())
    assert [column.tolist() for column in CIFAR10DVS.read(file)] == [[0, 4, 9], [127, 127, 0], [127, 0, 0], [0, 1, 1]]


def test_the_split_follows_the_number_not_the_name(tmp_path):
    root = write_set(tmp_path, numbers=(1000, 20, 100, 3, 99), classes=("cat", "truck"))
    found = CIFAR10DVS.recordings(root)
    names = {split: [file.file.stem for file in files] for split, files in found.items()}
    assert names["test"][:3] == ["cifar10_cat_3", "cifar10_cat_20", "cifar10_cat_99"]
    assert names["train"][:2] == ["cifar10_cat_100", "cifar10_cat_1000"]
    assert [file.label for file in found["train"]] == [3, 3, 9, 9]


def test_the_layout_of_tonics_download(tmp_path):
    write_set(tmp_path / "CIFAR10DVS")
    assert len(CIFAR10DVS.recordings(tmp_path)["test"]) == 30


def test_a_recording_that_begins_before_the_clock_wraps(tmp_path):
    root = write_set(tmp_path / "c", classes=("cat",))
    file = root / "cat" / "cifar10_cat_5.aedat"
    file.write_bytes(aedat2_bytes([2**32 - 3, 2**32 + 1, 2**32 - 1], [0, 1, 2], [0, 0, 0], [0, 0, 0]))
    recordings = CIFAR10DVS.recordings(root)["test"]
    store = vision.convert(CIFAR10DVS, recordings, tmp_path / "s", "test")
    assert store.sample(1)[0].tolist() == [0, 2, 4]
    assert store.meta.unsorted == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (aedat2_bytes([0, 1], [0, 0], [0, 0], [0, 0])[:-3], "13 bytes after the header"),
        (aedat2_bytes([0, 1], [0, 0], [0, 2**8], [0, 0]), "event 1 has address 0x100ff, a DVS128 has 16 bits"),
        (aedat2_bytes(np.arange(4) * (2**31 - 1), [0] * 4, [0] * 4, [0] * 4), r"event 3 has t = .*\(71 minutes\)"),
    ],
)
def test_a_broken_recording_is_named_and_leaves_no_store(tmp_path, content, message):
    root = write_set(tmp_path / "c", classes=("cat", "dog"))
    (root / "dog" / "cifar10_dog_5.aedat").write_bytes(content)
    with pytest.raises(InputError, match=rf"cifar10_dog_5.aedat: {message}"):
        load("cifar10dvs", root=root, store=tmp_path / "s")
    assert list((tmp_path / "s").iterdir()) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda root: (root / "cat" / "cifar10_dog_7.aedat").touch(), r"cifar10_dog_7.aedat: .* cifar10_cat_<number>"),
        (lambda root: [file.unlink() for file in root.glob("*/*_?.aedat")], None),
        (lambda root: [file.unlink() for file in root.glob("*/*_????.aedat")], None),
        (lambda root: [file.unlink() for file in root.glob("*/*.aedat")], "holds no train recordings"),
        (lambda root: [file.rename(file.with_suffix(".aedat4")) for file in root.glob("*/*")], "aedat4 are a conver"),
    ],
)
def test_a_wrong_layout_is_named(tmp_path, change, message):
    root = write_set(tmp_path)
    change(root)
    if message is None:
        assert all(CIFAR10DVS.recordings(root).values())
        return
    with pytest.raises(InputError, match=message):
        CIFAR10DVS.recordings(root)


def test_a_missing_root(tmp_path):
    with pytest.raises(InputError, match="no such folder; --root"):
        CIFAR10DVS.recordings(tmp_path / "none")
