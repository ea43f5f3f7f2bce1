import pytest
from camera_files import atis_bytes, channels

from spikescan.data.cameras import NCALTECH101
from spikescan.data.catalog import load
from spikescan.errors import InputError

pytest.importorskip("tonic")
SIZES = {"BACKGROUND_Google": 10, "Leopards": 29, "accordion": 9, "yin_yang": 31}
EVENTS = [10, 20, 300_000], [0, 239, 7], [179, 0, 5], [0, 1, 1]


def write_set(root, sizes=SIZES):
    for name, size in sizes.items():
        (root / "Caltech101" / name).mkdir(parents=True)
        for number in range(1, size + 1):
            t, x, y, p = EVENTS
            content = atis_bytes([*t[:2], t[2] + number], x, y, p)
            (root / "Caltech101" / name / f"image_{number:04}.bin").write_bytes(content)
    return root


def test_what_the_files_say_is_in_the_store(tmp_path):
    found = load("ncaltech101", root=write_set(tmp_path / "n"), store=tmp_path / "s")
    assert (found.sensor, found.classes) == ((2, 180, 240), 4)
    assert found.class_names == tuple(SIZES)
    assert found.test.labels.tolist() == [0, 1, 1, 3, 3, 3]
    times, stored = found.test.sample(2)
    assert times.tolist() == [10, 20, 300_002]
    assert stored.tolist() == channels(*EVENTS[1:], height=180, width=240)
    assert found.train.labels.tolist() == [0] * 9 + [1] * 27 + [2] * 9 + [3] * 28


def test_the_first_tenth_by_number(tmp_path):
    root = write_set(tmp_path, {"a": 20})
    folder = root / "Caltech101" / "a"
    (folder / "image_0001.bin").rename(folder / "image_10000.bin")
    tested = NCALTECH101.recordings(root)["test"]
    assert [recording.file.name for recording in tested] == ["image_0002.bin", "image_0003.bin"]


def test_the_folder_itself_and_tonics_download(tmp_path):
    root = write_set(tmp_path / "NCALTECH101")
    expected = NCALTECH101.recordings(root)
    assert NCALTECH101.recordings(root / "Caltech101") == expected
    assert NCALTECH101.recordings(tmp_path) == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "0 bytes"),
        (atis_bytes(*EVENTS)[:-2], "13 bytes"),
        (atis_bytes([0], [240], [0], [0]), "event 0 has x = 240, outside 0 to 239 of the sensor"),
        (atis_bytes([0], [0], [180], [0]), "event 0 has y = 180, outside 0 to 179 of the sensor"),
    ],
)
def test_a_broken_recording_is_named_and_leaves_no_store(tmp_path, content, message):
    root = write_set(tmp_path / "n")
    (root / "Caltech101" / "yin_yang" / "image_0007.bin").write_bytes(content)
    with pytest.raises(InputError, match=rf"yin_yang/image_0007.bin: {message}"):
        load("ncaltech101", root=root, store=tmp_path / "s")
    assert list((tmp_path / "s").iterdir()) == []


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({}, "too few recordings for a train split"),
        ({"a": 9, "b": 3}, "too few recordings for a test split"),
        ({"a": 20, "b": 0}, "b: holds no recordings"),
    ],
)
def test_a_wrong_layout_is_named(tmp_path, sizes, message):
    root = write_set(tmp_path, sizes)
    with pytest.raises(InputError, match=message):
        NCALTECH101.recordings(root)


def test_a_file_with_another_name(tmp_path):
    root = write_set(tmp_path)
    (root / "Caltech101" / "Leopards" / "image-3.bin").touch()
    with pytest.raises(InputError, match=r"image-3.bin: .*image_<number>.bin"):
        NCALTECH101.recordings(root)
