import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from shd_files import real, spikes, write_h5, write_set

from spikescan.data import ragged, shd
from spikescan.errors import InputError


def test_what_the_file_says_is_in_the_store(tmp_path):
    times, units = spikes(600, seed=3)
    labels, speakers = np.arange(600) % 7, np.arange(600) % 4
    file = write_h5(tmp_path / "x.h5", times, units, labels, speakers=speakers, keys=list("abcdefg"))
    calls = []
    store = shd.convert(file, tmp_path / "s", progress=lambda *call: calls.append(call))
    for index in (0, 1, 255, 256, 599):
        found = store.sample(index)
        assert np.array_equal(found[0], np.rint(times[index].astype(float) * 1e6))
        assert np.array_equal(found[1], units[index])
    assert np.array_equal(store.labels, labels)
    assert np.array_equal(store.speakers, speakers)
    assert store.meta.class_names == tuple("abcdefg")
    assert calls == [("x.h5", 256, 600), ("x.h5", 512, 600), ("x.h5", 600, 600)]


@pytest.mark.parametrize("time_type", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("unit_type", [np.uint8, np.int16, np.uint64])
def test_any_width_of_number(tmp_path, time_type, unit_type):
    times, units = [np.array([0, 0.25, 0.5])], [np.array([1, 2, 3])]
    file = write_h5(tmp_path / "x.h5", times, units, [0], time_type=time_type, unit_type=unit_type)
    store = shd.convert(file, tmp_path / "s")
    assert store.times.tolist() == [0, 250_000, 500_000]
    assert store.channels.tolist() == [1, 2, 3]


@pytest.mark.parametrize("wrong", [{"time_type": ">f4"}, {"unit_type": ">u2"}])
def test_the_other_byte_order_is_refused_and_not_misread(tmp_path, wrong):
    file = write_h5(tmp_path / "x.h5", *spikes(3), np.arange(3), **wrong)
    with pytest.raises(InputError, match="other byte order"):
        shd.convert(file, tmp_path / "s")


def test_times_are_rounded_to_the_microsecond(tmp_path):
    """float32(0.003) lies above and float32(0.007) below: both are whole milliseconds."""
    times = np.arange(1000, dtype=np.float32) / np.float32(1000)
    store = shd.convert(write_h5(tmp_path / "x.h5", [times], [np.zeros(1000, int)], [0]), tmp_path / "s")
    assert np.array_equal(store.times, np.arange(1000) * 1000)


def test_unsorted_and_empty_samples_are_kept_and_counted(tmp_path):
    times = [np.array([0.2, 0.1]), np.array([]), np.array([0.1, 0.2]), np.array([0.3])]
    units = [np.array([1, 2]), np.array([]), np.array([3, 4]), np.array([5])]
    store = shd.convert(write_h5(tmp_path / "x.h5", times, units, [0, 0, 1, 1]), tmp_path / "s")
    assert store.times.tolist() == [100_000, 200_000, 100_000, 200_000, 300_000]
    assert store.channels.tolist() == [2, 1, 3, 4, 5]
    assert (store.meta.unsorted, store.meta.empty, len(store)) == (1, 1, 4)


def test_a_file_of_samples_without_spikes(tmp_path):
    store = shd.convert(write_h5(tmp_path / "x.h5", [[], []], [[], []], [0, 1]), tmp_path / "s")
    assert store.durations.tolist() == [0, 0]


def spoil(times=None, units=None):
    """Five samples of three spikes; the middle spike of sample 3 is the given one."""
    all_times = [np.array([0.1, 0.2, 0.3]) for _ in range(5)]
    all_units = [np.array([1, 2, 3]) for _ in range(5)]
    if times is not None:
        all_times[3][1] = times
    if units is not None:
        all_units[3][1] = units
    return all_times, all_units


@pytest.mark.parametrize(
    ("spike", "message"),
    [
        ({"times": -0.1}, "time -0.1.* s, which is negative"),
        ({"times": np.nan}, "time nan s, which is not a finite number"),
        ({"times": np.inf}, "time inf s, which is not a finite number"),
        ({"times": -np.inf}, "time -inf s, which is not a finite number"),
        ({"times": 4295.0}, "time 4295.0 s: recordings may last 71 minutes"),
        ({"units": -1}, "unit -1, which is negative"),
        ({"units": 700}, "unit 700 where there are at most 700 channels"),
        ({"units": 2**40}, f"unit {2**40} where there are at most 700 channels"),
    ],
)
@pytest.mark.parametrize("block", [1, 2, 256])
def test_an_impossible_spike_names_file_and_sample(tmp_path, monkeypatch, spike, message, block):
    monkeypatch.setattr(ragged, "BLOCK", block)
    file = write_h5(tmp_path / "x.h5", *spoil(**spike), np.arange(5))
    with pytest.raises(InputError, match=rf"x\.h5: sample 3: a spike has {message}"):
        shd.convert(file, tmp_path / "s", channels=700)
    assert list(tmp_path.iterdir()) == [file]


def test_absurd_units_are_refused_where_channels_are_not_given(tmp_path):
    file = write_h5(tmp_path / "x.h5", *spoil(units=2**30), np.arange(5))
    with pytest.raises(InputError, match="sample 3"):
        shd.convert(file, tmp_path / "s")


def test_empty_samples_before_do_not_shift_the_name(tmp_path):
    times, units = spoil(units=-1)
    times[0] = times[2] = units[0] = units[2] = np.array([])
    with pytest.raises(InputError, match="sample 3"):
        shd.convert(write_h5(tmp_path / "x.h5", times, units, np.arange(5)), tmp_path / "s")


def test_times_and_units_of_different_length(tmp_path):
    times, units = spoil()
    units[2] = units[2][:2]
    file = write_h5(tmp_path / "x.h5", times, units, np.arange(5))
    with pytest.raises(InputError, match=r"x\.h5: sample 2: 3 times and 2 units"):
        shd.convert(file, tmp_path / "s")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.pop("labels"), "no data set labels"),
        (lambda f: f.pop("spikes/times"), "no data set spikes/times"),
        (lambda f: f.pop("spikes"), "no data set spikes/"),
        (lambda f: (f.pop("labels"), f.create_group("labels")), "no data set labels"),
        (lambda f: replace(f, "labels", np.arange(4)), "different length.*labels 4"),
        (lambda f: replace(f, "labels", np.arange(6)), "different length.*labels 6"),
        (lambda f: replace(f, "labels", np.array([0, 1, -2, 0, 0])), "sample 2: labels is -2"),
        (lambda f: replace(f, "labels", np.array([0, 1, 2, 2**40, 0])), "sample 3: labels is 1099511627776"),
        (lambda f: replace(f, "labels", np.zeros(5)), "labels: found float64; one integer"),
        (lambda f: replace(f, "labels", np.zeros((5, 2), int)), "labels: shape .5, 2. of int64, not one a sample"),
        (lambda f: replace(f, "labels", 3), "labels: shape .. of int64"),
        (lambda f: replace(f, "spikes/times", np.zeros((5, 3))), "spikes/times has shape .5, 3. of float64"),
        (lambda f: replace(f, "spikes/units", np.zeros(5, int)), "spikes/units has shape .5,. of int64"),
        (lambda f: replace(f, "spikes/units", [b"a"] * 5), "spikes/units has shape"),
        (lambda f: swap(f), "spikes/times has shape .5,. of int64, not an array of floats"),
    ],
)
def test_another_layout(tmp_path, change, message):
    file = write_h5(tmp_path / "x.h5", *spoil(), np.arange(5), speakers=np.arange(5))
    with h5py.File(file, "a") as out:
        change(out)
    with pytest.raises(InputError, match=rf"x\.h5: .*{message}"):
        shd.convert(file, tmp_path / "s")
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("labels", "numbers", "names"),
    [
        (np.array([True, False, True, True, False]), [1, 0, 1, 1, 0], None),
        (np.array([[2], [0], [1], [0], [0]]), [2, 0, 1, 0, 0], None),
        (np.array([b"yes", b"no", b"no", b"maybe", b"no"]), [2, 1, 1, 0, 1], ("maybe", "no", "yes")),
        (["ja", "nein", "ja", "ja", "süß"], [0, 1, 0, 0, 2], ("ja", "nein", "süß")),
    ],
)
def test_labels_of_every_kind(tmp_path, labels, numbers, names):
    file = write_h5(tmp_path / "x.h5", *spoil(), labels)
    store = shd.convert(file, tmp_path / "s")
    assert store.labels.tolist() == numbers
    assert store.meta.class_names == names


def test_labels_in_words_are_numbered_as_in_the_training_file(tmp_path):
    file = write_h5(tmp_path / "x.h5", *spoil(), np.array([b"b", b"b", b"c", b"c", b"b"]))
    assert shd.convert(file, tmp_path / "s", class_names=("a", "b", "c")).labels.tolist() == [1, 1, 2, 2, 1]
    with pytest.raises(InputError, match=r"x.h5: sample 2: labels is 'c', which is none of a, b"):
        shd.convert(file, tmp_path / "t", class_names=("a", "b"))


def test_speakers_with_names(tmp_path):
    file = write_h5(tmp_path / "x.h5", *spoil(), np.arange(5), speakers=[b"eva", b"adam", b"eva", b"eva", b"adam"])
    store = shd.convert(file, tmp_path / "s")
    assert store.speakers.tolist() == [1, 0, 1, 1, 0]
    assert store.meta.speaker_names == ("adam", "eva")


@pytest.mark.parametrize(
    ("speakers", "message"),
    [
        (np.arange(3), "3 speakers for 5 samples"),
        (np.arange(5) - 1, "sample 0: extra/speaker is -1"),
        (np.zeros(5), "extra/speaker: found float64"),
        (np.zeros((5, 2), int), "extra/speaker: shape"),
    ],
)
def test_speakers_that_cannot_be_used_are_told_and_left_out(tmp_path, speakers, message):
    store = shd.convert(write_h5(tmp_path / "x.h5", *spoil(), np.arange(5), speakers=speakers), tmp_path / "s")
    assert store.speakers is None
    (note,) = store.meta.notes
    assert message in note
    assert note.endswith("extra/speaker is left out")
    assert str(tmp_path / "x.h5") in note


def test_class_names_that_cannot_be_used_are_told(tmp_path):
    store = shd.convert(write_h5(tmp_path / "x.h5", *spoil(), np.arange(5), keys=["a", "b"]), tmp_path / "s")
    assert store.meta.class_names is None
    assert "not a name for each of 5 classes" in store.meta.notes[0]


def test_a_file_that_another_program_writes(tmp_path):
    file = write_h5(tmp_path / "x.h5", *spoil(), np.arange(5))
    program = f"import h5py, sys; f = h5py.File({str(file)!r}, 'a'); print('open', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout.readline() == "open\n"
        with pytest.raises(InputError, match=r"x.h5: another program has it open for writing"):
            shd.convert(file, tmp_path / "s")
        writer.communicate("")
    assert len(shd.convert(file, tmp_path / "s")) == 5


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(38, "unable to lock file, errno = 38, error message = 'Function not implemented'"), "USE_FILE_LOCK"),
        (OSError(37, "unable to lock file, errno = 37, error message = 'No locks available'"), "USE_FILE_LOCKING"),
        (OSError("Unable to open file (truncated file: eof = 4)"), "not a whole HDF5 file .*; fetch it again"),
        (OSError("Unable to open file (file is already open for write)"), "another program has it open for writing"),
    ],
)
def test_locks_and_damage_are_told_apart(tmp_path, monkeypatch, error, message):
    def fail(*arguments):
        raise error

    file = write_h5(tmp_path / "x.h5", *spoil(), np.arange(5))
    monkeypatch.setattr(h5py, "File", fail)
    with pytest.raises(InputError, match=rf"x.h5: .*{message}"):
        shd.convert(file, tmp_path / "s")


def test_permissions_are_told(tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    file = write_h5(tmp_path / "x.h5", *spoil(), np.arange(5))
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError, match=r"x.h5: cannot be read .Permission denied.; check its permissions"):
        shd.convert(file, tmp_path / "s")
    monkeypatch.undo()
    with pytest.raises(InputError, match=r"cannot be read .Is a directory."):
        shd.convert(tmp_path, tmp_path / "s")


def test_a_file_read_into_memory(tmp_path):
    times, units = spikes(300, seed=3, channels=24)
    file = write_h5(tmp_path / "mine.h5", times, units, np.arange(300) % 7, speakers=np.arange(300) % 4)
    stored, data = shd.convert(file, tmp_path / "s"), shd.from_hdf5(file)
    for column in ("times", "channels", "offsets", "labels", "speakers"):
        assert np.array_equal(getattr(stored, column), getattr(data.store, column))
    assert (data.name, data.channels, data.classes) == ("mine", 24, 7)
    assert shd.from_hdf5(str(file), num_channels=30, name="other").channels == 30
    with pytest.raises(InputError, match="where there are at most 5 channels"):
        shd.from_hdf5(file, num_channels=5)


def replace(file, name, values):
    del file[name]
    file[name] = values


def swap(file):
    file.move("spikes/times", "other")
    file.move("spikes/units", "spikes/times")
    file.move("other", "spikes/units")


def test_a_file_without_samples(tmp_path):
    file = write_h5(tmp_path / "x.h5", [], [], np.zeros(0, int))
    with pytest.raises(InputError, match="holds no samples"):
        shd.convert(file, tmp_path / "s")


@pytest.mark.parametrize("content", [b"", b"\x89HDF\r\n\x1a\n", b"RIFF and so on" * 100])
def test_a_foreign_file(tmp_path, content):
    file = tmp_path / "x.h5"
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"x\.h5: not a whole HDF5 file"):
        shd.convert(file, tmp_path / "s")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file(tmp_path, share):
    file = write_h5(tmp_path / "x.h5", *spikes(50), np.arange(50))
    content = file.read_bytes()
    file.write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError, match=r"x\.h5: not a whole HDF5 file"):
        shd.convert(file, tmp_path / "s")


def test_a_missing_file(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        shd.convert(tmp_path / "x.h5", tmp_path / "s")


def test_wrong_bytes_in_the_middle_name_the_sample(tmp_path):
    file = write_h5(tmp_path / "x.h5", *spikes(50), np.arange(50))
    with h5py.File(file) as source:
        place = source["spikes/units"].id.get_offset()
    content = bytearray(file.read_bytes())
    content[place + 16 * 7 + 4 : place + 16 * 7 + 12] = b"\xff" * 8  # sample 7 now points outside the file
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"x\.h5: sample 7: /spikes/units cannot be read"):
        shd.convert(file, tmp_path / "s")


def test_wrong_bytes_in_the_directory(tmp_path):
    file = write_h5(tmp_path / "x.h5", *spikes(5), np.arange(5))
    content = file.read_bytes()
    file.write_bytes(content.replace(b"HEAP", b"HXAP").replace(b"SNOD", b"SXOD"))
    with pytest.raises(InputError, match=r"x\.h5"):
        shd.convert(file, tmp_path / "s")


def test_the_files_of_a_folder(tmp_path):
    write_set(tmp_path)
    assert {split: file.name for split, file in shd.find_files(tmp_path).items()} == {
        "train": "tiny_train.h5",
        "test": "tiny_test.h5",
    }
    (tmp_path / "tiny_valid.h5").touch()
    assert list(shd.find_files(tmp_path)) == ["train", "test", "valid"]


def test_too_many_or_too_few_files_are_listed(tmp_path):
    write_set(tmp_path)
    (tmp_path / "other_train.h5").touch()
    with pytest.raises(InputError, match=r"one file \*train.h5, has 2; the folder holds other_train.h5, tiny_test"):
        shd.find_files(tmp_path)
    for file in tmp_path.glob("*train.h5"):
        file.unlink()
    with pytest.raises(InputError, match=r"\*train.h5, has 0; the folder holds tiny_test.h5"):
        shd.find_files(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        shd.find_files(tmp_path / "none")


def test_real_recordings(tmp_path):
    store = shd.convert(real("fsdd") / "fsdd_test.h5", tmp_path / "s")
    assert (len(store), store.meta.events) == (300, 1_221_498)
    with h5py.File(real("fsdd") / "fsdd_test.h5") as source:
        times, units = source["spikes/times"][123], source["spikes/units"][123]
    assert np.array_equal(store.sample(123)[0], np.rint(times.astype(float) * 1e6))
    assert np.array_equal(store.sample(123)[1], units)
    assert set(store.speakers) == set(range(6))
    assert store.meta.class_names[3] == "three"
