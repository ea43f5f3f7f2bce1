import sys

import numpy as np
import pytest
from shd_files import real

from spikescan.data import cameras, vision
from spikescan.data.cameras import _atis
from spikescan.errors import InputError

pytest.importorskip("tonic")


def nmnist_bytes(t, x, y, p):
    """N-MNIST's 40 bits an event: x, y, then polarity and 23 bits of time, highest first."""
    t, x, y, p = (np.asarray(column, np.int64) for column in (t, x, y, p))
    columns = [x, y, (p << 7) | (t >> 16), (t >> 8) & 255, t & 255]
    return np.stack(columns, axis=1).astype(np.uint8).tobytes()


def write_set(root, digits=(0, 3), each=2):
    for split in ("Train", "Test"):
        for digit in digits:
            folder = root / split / str(digit)
            folder.mkdir(parents=True)
            for number in range(each):
                t = np.array([10, 20, 300_000])
                (folder / f"{number:05}.bin").write_bytes(
                    nmnist_bytes(t + number, [0, 33, digit], [33, 0, 1], [0, 1, 1])
                )
    return root


def converted(root, folder, split="train", **options):
    recordings = cameras.NMNIST.recordings(root)[split]
    return vision.convert(cameras.NMNIST, recordings, folder, f"{root}, {split}", **options)


def test_what_the_files_say_is_in_the_store(tmp_path):
    calls = []
    store = converted(write_set(tmp_path / "n"), tmp_path / "s", progress=lambda *call: calls.append(call))
    assert store.labels.tolist() == [0, 0, 3, 3]
    times, channels = store.sample(3)
    assert times.tolist() == [11, 21, 300_001]
    assert channels.tolist() == [33 * 34, 34 * 34 + 33, 34 * 34 + 34 + 3]
    assert store.meta.sensor == (2, 34, 34)
    assert calls == [(f"{tmp_path / 'n'}, train", 4, 4)]


def test_the_layout_of_tonics_download(tmp_path):
    write_set(tmp_path / "NMNIST")
    recordings = cameras.NMNIST.recordings(tmp_path)
    assert [recording.label for recording in recordings["test"]] == [0, 0, 3, 3]


def test_files_of_the_system_are_no_recordings(tmp_path):
    root = write_set(tmp_path)
    (root / "Train" / ".cache").mkdir()
    (root / "Train" / "0" / ".DS_Store").touch()
    (root / "Train" / "0" / "._00000.bin").touch()
    (root / "Train" / "index.txt").touch()
    assert len(cameras.NMNIST.recordings(root)["train"]) == 4


def spoiled(root, content):
    file = root / "Test" / "3" / "00001.bin"
    file.write_bytes(content)
    return file


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "0 bytes"),
        (nmnist_bytes([1, 2], [0, 0], [0, 0], [0, 0])[:-1], "9 bytes"),
        (nmnist_bytes([1, 2], [0, 34], [0, 0], [0, 0]), "event 1 has x = 34, outside 0 to 33 of the sensor"),
        (nmnist_bytes([1, 2], [0, 0], [99, 0], [0, 0]), "event 0 has y = 99, outside 0 to 33 of the sensor"),
    ],
)
def test_a_broken_recording_is_named(tmp_path, content, message):
    root = write_set(tmp_path / "n")
    spoiled(root, content)
    with pytest.raises(InputError, match=rf"Test/3/00001.bin: .*{message}"):
        converted(root, tmp_path / "s", "test")
    assert [path.name for path in tmp_path.iterdir()] == ["n"]


def test_a_recording_that_vanishes_is_named(tmp_path):
    root = write_set(tmp_path / "n")
    recordings = cameras.NMNIST.recordings(root)["test"]
    recordings[1].file.unlink()
    with pytest.raises(InputError, match=r"00001.bin: cannot be read \(No such file"):
        vision.convert(cameras.NMNIST, recordings, tmp_path / "s", "test")


def test_times_beyond_71_minutes(tmp_path):
    camera = vision.Camera(
        (1, 2, 2), ("a",), dict, lambda file: vision.Events(*np.array([[5, 2**32], [0, 1], [0, 1], [0, 0]]))
    )
    recordings = [vision.Recording(tmp_path / "x", 0)]
    with pytest.raises(InputError, match=r"x: event 1 has t = 4294967296.*71 minutes"):
        vision.convert(camera, recordings, tmp_path / "s", "a camera")


def test_a_camera_of_another_shape(tmp_path):
    """Width and height are told apart."""
    events = vision.Events(*np.array([[0, 1], [3, 0], [1, 0], [0, 1]]))
    camera = vision.Camera((2, 2, 4), ("a",), dict, lambda file: events)
    store = vision.convert(camera, [vision.Recording(tmp_path / "x", 0)], tmp_path / "s", "a camera")
    assert store.channels.tolist() == [1 * 4 + 3, 8]
    assert camera.channels == 16


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda root: (root / "Train").rename(root / "train"), "Train: no such folder"),
        (lambda root: (root / "Test" / "3").rename(root / "Test" / "three"), "Test/three: a class folder"),
        (lambda root: (root / "Test" / "3").rename(root / "Test" / "34"), "Test/34: a class folder"),
        (lambda root: [file.unlink() for file in root.glob("Test/*/*.bin")], "Test: holds no recordings"),
    ],
)
def test_a_wrong_layout_is_named(tmp_path, change, message):
    change(write_set(tmp_path))
    with pytest.raises(InputError, match=message):
        cameras.NMNIST.recordings(tmp_path)


def test_a_missing_root(tmp_path):
    with pytest.raises(InputError, match="no such folder; --root"):
        cameras.NMNIST.recordings(tmp_path / "none")


def test_events_are_those_of_tonics_reader_overflows_of_the_clock_included(tmp_path):
    io = pytest.importorskip("tonic.io")
    rng = np.random.default_rng(0)
    content = rng.integers(0, 256, (300, 5), dtype=np.uint8)
    content[[0, 40, 41, 299], 1] = 240
    (tmp_path / "x.bin").write_bytes(content.tobytes())
    expected = io.read_mnist_file(str(tmp_path / "x.bin"), dtype=np.dtype([(name, np.int64) for name in "xytp"]))
    found = _atis.read(tmp_path / "x.bin")
    assert 200 < len(found.t) == np.sum(content[:, 1] != 240)
    for name in found._fields:
        assert np.array_equal(getattr(found, name), expected[name])


def test_reading_needs_no_tonic(tmp_path, monkeypatch):
    root = write_set(tmp_path)
    monkeypatch.setitem(sys.modules, "tonic", None)
    assert len(converted(root, tmp_path / "s")) > 0


def test_real_recordings(tmp_path):
    store = converted(real("nmnist"), tmp_path / "s", "test")
    assert len(store) == 100
    assert store.meta.events == 385_596
    assert np.all(store.durations > 250_000)
    assert np.all(store.durations < 350_000)
    assert store.meta.unsorted == store.meta.empty == 0
