import io
import shutil

import numpy as np
import pytest
from camera_files import aedat3_bytes, channels, packet, some_events

from spikescan.data.cameras import DVSGESTURE
from spikescan.data.catalog import load
from spikescan.errors import InputError

HEADING = "class,startTime_usec,endTime_usec"
TRIALS = {"train": ["user01_fluorescent", "user02_led"], "test": ["user24_fluorescent_led"]}
WINDOWS = [(1, 100_000, 400_000), (11, 400_000, 700_000), (2, 650_000, 900_000)]
OFFSET = 3 * 2**31  # of the recording's clock, more than 32 bits


def write_original(root, windows=WINDOWS):
    root.mkdir(parents=True, exist_ok=True)
    for split, names in TRIALS.items():
        (root / f"trials_to_{split}.txt").write_text("".join(f"{name}.aedat\n" for name in names) + "\n")
        for name in names:
            events = recorded(name)
            halves = [[column[part] for column in events] for part in (slice(0, 200), slice(200, None))]
            (root / f"{name}.aedat").write_bytes(aedat3_bytes(*(packet(*half, overflow=3) for half in halves)))
            lines = [f"{label},{start + OFFSET},{stop + OFFSET}" for label, start, stop in windows]
            (root / f"{name}_labels.csv").write_text("\n".join([HEADING, *lines, ""]))
    return root


def recorded(name):
    return some_events(400, seed=len(name))


def write_tonics(root, dtype=np.float64):
    for split, names in {"Train": TRIALS["train"], "Test": TRIALS["test"]}.items():
        for name in names:
            folder = root / f"ibmGesture{split}" / name
            folder.mkdir(parents=True)
            for label in (0, 2, 10):
                np.save(folder / f"{label}.npy", rows(name, label).astype(dtype))
    return root


def rows(name, label):
    t, x, y, p = some_events(30, seed=label + len(name), last=6000)
    return np.stack([x, y, p, t + 50], axis=1)


def test_original_recordings_are_cut_into_gestures(tmp_path):
    found = load("dvsgesture", root=write_original(tmp_path / "DvsGesture").parent, store=tmp_path / "s")
    assert (found.sensor, found.channels, found.classes) == ((2, 128, 128), 32768, 11)
    assert found.train.labels.tolist() == [0, 10, 1] * 2
    assert found.test.labels.tolist() == [0, 10, 1]
    assert found.train.speakers.tolist() == [1, 1, 1, 2, 2, 2]
    assert found.test.speakers.tolist() == [24] * 3
    assert found.class_names[9] == "air guitar"
    for split, names in TRIALS.items():
        for number, (name, window) in enumerate((name, window) for name in names for window in WINDOWS):
            t, x, y, p = recorded(name)
            inside = (t >= window[1]) & (t < window[2])
            times, stored = found.parts[split].sample(number)
            assert times.tolist() == (t[inside] - t[inside][0]).tolist()
            assert stored.tolist() == channels(x[inside], y[inside], p[inside])


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.uint16])
def test_tonics_samples(tmp_path, dtype):
    found = load("dvsgesture", root=write_tonics(tmp_path / "DVSGesture", dtype).parent, store=tmp_path / "s")
    assert found.train.labels.tolist() == [0, 2, 10] * 2
    assert found.train.speakers.tolist() == [1, 1, 1, 2, 2, 2]
    x, y, p, t = rows("user02_led", 2).T
    times, stored = found.train.sample(4)
    assert times.tolist() == ((t - t[0]) * 1000).tolist()
    assert stored.tolist() == channels(x, y, p)


def test_a_gesture_without_events_is_kept(tmp_path):
    root = write_original(tmp_path / "g", [*WINDOWS, (3, 2_000_000, 3_000_000)])
    found = load("dvsgesture", root=root, store=tmp_path / "s")
    assert found.test.counts.tolist()[3] == 0
    assert found.test.store.meta.empty == 1


def test_changed_annotations_are_converted_again(tmp_path):
    root = write_original(tmp_path / "g")
    first = load("dvsgesture", root=root, store=tmp_path / "s")
    file = root / "user02_led_labels.csv"
    file.write_text(file.read_text().replace(f"1,{100_000 + OFFSET}", f"4,{100_000 + OFFSET}"))
    second = load("dvsgesture", root=root, store=tmp_path / "s")
    assert second.folder != first.folder
    assert second.train.labels.tolist() == [0, 10, 1, 3, 10, 1]


def append(root, file, text):
    with (root / file).open("a") as out:
        out.write(text)


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("user02_led_labels.csv", "12,1,2\n", "line 5: class 12 from 1 to 2 µs; classes are 1 to 11"),
        ("user02_led_labels.csv", "0,1,2\n", "line 5: class 0"),
        ("user02_led_labels.csv", "3,2,2\n", "line 5: class 3 from 2 to 2 µs; .*times rise"),
        ("user02_led_labels.csv", "3,-2,2\n", "line 5: class 3 from -2"),
        ("user02_led_labels.csv", "3,2\n", "line 5: '3,2' is not class"),
        ("user02_led_labels.csv", "a,b,c\n", "line 5: 'a,b,c' is not class"),
        ("trials_to_test.txt", "user25_led.aedat\n", "user25_led.aedat: no such recording, though trials_to_test.txt"),
        ("trials_to_test.txt", "user02_led.aedat\n", "user02_led.aedat is listed for training and for testing"),
        ("trials_to_test.txt", "someone.aedat\n", "someone.aedat: a recording of DVS128 Gesture is named"),
        ("user02_led.aedat", "x", "user02_led.aedat: cut off inside the packet"),
    ],
)
def test_a_broken_original_is_named_and_leaves_no_store(tmp_path, file, text, message):
    root = write_original(tmp_path / "g")
    append(root, file, text)
    with pytest.raises(InputError, match=message):
        load("dvsgesture", root=root, store=tmp_path / "s")
    assert not (tmp_path / "s").exists() or list((tmp_path / "s").iterdir()) == []


def test_a_pixel_beyond_the_sensor(tmp_path):
    root = write_original(tmp_path / "g")
    (root / "user02_led.aedat").write_bytes(aedat3_bytes(packet([0, 1], [0, 128], [0, 0], [0, 0])))
    with pytest.raises(InputError, match=r"user02_led.aedat: event 1 has x = 128, outside 0 to 127"):
        load("dvsgesture", root=root, store=tmp_path / "s")


@pytest.mark.parametrize("name", ["user02_led_labels.csv", "trials_to_test.txt"])
@pytest.mark.parametrize(("content", "message"), [(None, "cannot be read"), ("", "no line class|lists no recordings")])
def test_a_missing_or_empty_text_file(tmp_path, name, content, message):
    root = write_original(tmp_path)
    (root / name).unlink() if content is None else (root / name).write_text(content)
    with pytest.raises(InputError, match=f"{name}: .*({message})"):
        DVSGESTURE.recordings(root)


def archive():
    held = io.BytesIO()
    np.savez(held, np.zeros((5, 4)))
    return held.getvalue()


SPOILED = {
    "cut off": lambda file: file.write_bytes(file.read_bytes()[:-5]),
    "empty": lambda file: file.write_bytes(b""),
    "text": lambda file: file.write_text("0, 1, 2, 3"),
    "objects": lambda file: np.save(file, np.array([{}]), allow_pickle=True),
    "an archive": lambda file: file.write_bytes(archive()),
    "an archive, cut off": lambda file: file.write_bytes(b"PK\x03\x04" + bytes(50)),
    "a damaged header": lambda file: file.write_bytes(file.read_bytes()[:10] + b"(" * 20 + file.read_bytes()[30:]),
    "rows that no memory holds": lambda file: file.write_bytes(
        file.read_bytes().replace(b" 4)", b" 9" + b"9" * 12 + b")")
    ),
    "three columns": lambda file: np.save(file, np.zeros((5, 3))),
    "no events": lambda file: np.save(file, np.zeros((0, 4))),
    "no time": lambda file: np.save(file, np.array([[0, 0, 0, np.nan]])),
    "half a pixel": lambda file: np.save(file, np.array([[0.5, 0, 0, 1]])),
    "a third polarity": lambda file: np.save(file, np.array([[0, 0, 2, 1]])),
    "columns in another order": lambda file: np.save(file, np.array([[900, 0, 0, 1]])),
}


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED)
def test_a_broken_sample_of_tonics_is_named(tmp_path, spoil):
    root = write_tonics(tmp_path / "g")
    spoil(root / "ibmGestureTest" / "user24_fluorescent_led" / "2.npy")
    with pytest.raises(InputError, match=r"user24_fluorescent_led/2.npy: "):
        load("dvsgesture", root=root, store=tmp_path / "s")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda root: shutil.rmtree(root / "ibmGestureTrain"), "holds neither of trials_to_train.txt"),
        (lambda root: shutil.rmtree(root / "ibmGestureTest"), "ibmGestureTest: no such folder"),
        (lambda root: write_original(root), "holds both of trials_to_train.txt"),
        (lambda root: (root / "ibmGestureTest" / "bob").mkdir(), "bob: a recording of DVS128 Gesture is named user"),
        (lambda root: (root / "ibmGestureTest" / "user24_fluorescent_led" / "11.npy").touch(), "11.npy: a sample is"),
        (lambda root: [file.unlink() for file in root.glob("ibmGestureTest/*/*")], "ibmGestureTest: holds no samples"),
    ],
)
def test_a_wrong_layout_is_named(tmp_path, change, message):
    root = write_tonics(tmp_path)
    change(root)
    with pytest.raises(InputError, match=message):
        DVSGESTURE.recordings(root)
