"""A folder of sound files, from the files to a data set."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

import spikescan as ss
from spikescan import audio
from spikescan.data import audio_shards, catalog
from spikescan.data.audio_files import recordings
from spikescan.data.audio_options import AudioOptions
from spikescan.errors import InputError

RATE = 8000
LOG_MEL = {"front_end": "log-mel", "channels": 32}


def tone(file: Path, hertz: float = 440.0, seconds: float = 0.1) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(file, 0.3 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * RATE)) / RATE), RATE)
    return file


def named(root: Path, labels=("low", "high"), speakers=("ann", "bob"), takes=range(3), suffix="wav") -> Path:
    for number, label in enumerate(labels):
        for speaker in speakers:
            for take in takes:
                tone(root / f"{label}_{speaker}_{take}.{suffix}", 300 * (1 + number) + 20 * take)
    return root


def loaded(root: Path, **options) -> catalog.Splits:
    return catalog.load("audio", root=root, store=root.parent / "store", audio=AudioOptions(**(LOG_MEL | options)))


def names(root: Path, **options) -> dict[str, list[str]]:
    return {part: [one.name for one in ones] for part, ones in recordings(root, AudioOptions(**options)).items()}


def test_names(tmp_path):
    found = loaded(named(tmp_path / "words"), test="take=0")
    assert (found.name, found.channels, found.train.ordered_channels) == ("words", 32, True)
    assert found.class_names == ("high", "low")
    assert found.train.speaker_names == ("ann", "bob")
    assert (len(found.train), len(found.test)) == (8, 4)
    assert found.train.labels.tolist() == [0] * 4 + [1] * 4
    assert found.test.speakers.tolist() == [0, 1, 0, 1]


def test_the_events_are_those_of_the_front_end(tmp_path):
    root = named(tmp_path / "words")
    options = {"coding": "rate", "seed": 7}
    found = loaded(root, test="take=0", **options)
    front = audio.from_settings(found.train.store.meta.front_end)
    assert front.settings() == audio.LogMel(32, "rate", seed=7).settings()
    name = "high_bob_2.wav"
    times, channels = front(*audio.read(root / name), seed=audio_shards._seed(7, name))
    micro, units = found.train.sample(3)
    np.testing.assert_array_equal(micro, np.rint(times * 1e6))
    np.testing.assert_array_equal(units, channels)
    assert len(units) > 10


def test_each_file_has_a_seed_of_its_own():
    seeds = {audio_shards._seed(seed, name) for seed in range(10) for name in "abcdefghij"}
    assert len(seeds) == 100
    assert audio_shards._seed(0, "a") == audio_shards._seed(0, "a")


def test_without_a_test_part_a_fifth_is_held_out(tmp_path):
    found = loaded(named(tmp_path / "words"))
    assert (len(found.train), len(found.test)) == (10, 2)
    assert "held out for testing" in found.notes[0]


def test_flac_and_capitals(tmp_path):
    named(tmp_path / "words", suffix="flac")
    tone(tmp_path / "words" / "low_ann_9.WAV")
    assert len(names(tmp_path / "words")["train"]) == 13


def test_folders_of_classes(tmp_path):
    for label in ("10", "9", "2"):
        for take in range(2):
            tone(tmp_path / "digits" / label / "deeper" / f"x_{take}.wav", 100 * (1 + int(label)))
    found = loaded(tmp_path / "digits", pattern="x_{take}", test="take=1")
    assert found.class_names == ("2", "9", "10")
    assert found.train.speakers is None
    assert len(found.test) == 3


def test_folders_of_parts(tmp_path):
    for part, takes in (("train", 3), ("test", 1), ("valid", 2)):
        for label in ("no", "yes"):
            for take in range(takes):
                tone(tmp_path / "words" / part / label / f"{take}.wav")
    found = loaded(tmp_path / "words")
    assert {name: len(part) for name, part in found.parts.items()} == {"train": 6, "test": 2, "validation": 4}
    assert found.class_names == ("no", "yes")


def test_a_table(tmp_path):
    root = tmp_path / "words"
    rows = ["file,label,speaker,split", "a/x.wav,yes,3,train", "y.wav,no,12,train", "z.wav,yes,3,test"]
    for row in rows[1:]:
        tone(root / row.split(",")[0])
    tone(root / "not_listed.wav")
    (root / "list.csv").write_text("\n".join(rows))
    found = loaded(root)
    assert found.train.speakers.tolist() == [3, 12]  # numbers stand for themselves
    assert found.train.labels.tolist() == [1, 0]
    assert len(found.test) == 1
    before = found.folder
    (root / "list.csv").write_text("\n".join([*rows, "not_listed.wav,no,4,test"]))
    assert loaded(root).folder != before


@pytest.mark.parametrize(
    ("test", "takes"),
    [("take<=1", {0, 1}), ("take=0,2", {0, 2}), ("take!=1", {0, 2}), ("take>1", {2}), ("take < 1", {0})],
)
def test_conditions(tmp_path, test, takes):
    found = names(named(tmp_path / "words", speakers=["ann"]), test=test)
    assert {int(name.removesuffix(".wav")[-1]) for name in found["test"]} == takes
    assert len(found["train"]) + len(found["test"]) == 6


def test_a_speaker_for_testing(tmp_path):
    assert all("bob" in name for name in names(named(tmp_path / "words"), test="speaker=bob")["test"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pattern": "{label}-{speaker}"}, r"high_ann_0.wav: its name does not fit the pattern .*audio.pattern="),
        ({"pattern": "{speaker}_{x}_{y}"}, r"audio.pattern: .* has no \{label\}"),
        ({"pattern": "{label}{speaker}"}, r"audio.pattern: .*text between"),
        ({"pattern": "{label}_{label}"}, r"audio.pattern: .*each with a name"),
        ({"test": "take"}, r"audio.test: 'take'; a condition is needed"),
        ({"test": "take=7"}, r"audio.test: 'take=7' holds for no recording"),
        ({"test": "take<9"}, r"audio.test: 'take<9' holds for every recording"),
        ({"test": "word=7"}, r"audio.test: .*high_ann_0.wav has no word, it has label, speaker, take"),
        ({"test": "speaker<=4"}, r"audio.test: high_ann_0.wav: speaker is 'ann', which is no number"),
        ({"test": "label=low"}, r"words: one class alone, high"),
        ({"csv": "none.csv"}, r"none.csv: cannot be read as CSV"),
    ],
)
def test_options_that_do_not_fit(tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        loaded(named(tmp_path / "words"), **options)
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,label\nx.wav,no\n", r"list.csv: columns file and label are needed, found name, label"),
        ("file,label\nx.wav\n", r"list.csv: line 2: has not as many entries"),
        ("file,label\nx.wav,\n", r"list.csv: line 2: label is empty"),
        ("file,label,split\nlow_ann_0.wav,no,dev\n", r"list.csv: line 2: split is 'dev'; choose from train, test"),
        ("file,label\nmissing.wav,no\n", r"list.csv: line 2: .*missing.wav: no such file"),
        ("file,label\nlow_ann_0.wav,a\nlow_ann_0.wav,b\n", r"list.csv: low_ann_0.wav occurs twice"),
        ("", r"list.csv: columns file and label are needed, found none"),
    ],
)
def test_tables_that_do_not_fit(tmp_path, text, message):
    (named(tmp_path / "words") / "list.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        loaded(tmp_path / "words")


def _empty(root):
    (root / "low_ann_0.wav").write_bytes(b"")


def _cut(root):
    (root / "low_ann_0.wav").write_bytes((root / "low_ann_0.wav").read_bytes()[:30])


def _no_samples(root):
    soundfile.write(root / "low_ann_0.wav", np.zeros(0), RATE)


def _not_finite(root):
    soundfile.write(root / "low_ann_0.wav", np.full(100, np.nan, np.float32), RATE, subtype="FLOAT")


def _mp3(root):
    (root / "low_ann_0.mp3").write_bytes(b"x")


def _folder(root):
    tone(root / "more" / "x.wav")


@pytest.mark.parametrize("harm", [_empty, _cut, _no_samples, _not_finite, _mp3, _folder])
def test_files_that_will_not_do(tmp_path, harm):
    harm(named(tmp_path / "words"))
    with pytest.raises(InputError, match=r"low_ann_0|sounds lie in the folder itself \(high_ann_0.wav\).*\(more\)"):
        loaded(tmp_path / "words")
    assert not (tmp_path / "store").exists() or not list((tmp_path / "store").glob("audio-*"))


def test_folders_that_will_not_do(tmp_path):
    (tmp_path / "nothing").mkdir()
    with pytest.raises(InputError, match="nothing: no recordings; wav and flac"):
        loaded(tmp_path / "nothing")
    with pytest.raises(InputError, match="absent: no such folder"):
        loaded(tmp_path / "absent")
    for name in ("train/no/a.wav", "train/yes/b.wav", "test/perhaps/c.wav"):
        tone(tmp_path / "parts" / name)
    with pytest.raises(InputError, match=r"c.wav: its label 'perhaps' is that of no training recording"):
        loaded(tmp_path / "parts")


def test_channels_are_those_of_the_front_end(tmp_path):
    found = loaded(named(tmp_path / "words"))
    with pytest.raises(InputError, match=r"channels is 20, but log-mel made 32: set audio.channels"):
        catalog.load(
            "audio", root=tmp_path / "words", store=found.folder.parent, channels=20, audio=AudioOptions(**LOG_MEL)
        )


def test_waveforms_are_kept_as_values(tmp_path):
    root = named(tmp_path / "words", takes=range(2))
    found = ss.data.from_audio(root, store=tmp_path / "store", front_end="raw", test="take=0", rate=4000)
    assert (len(found), found.channels, found.store.dt, found.ordered_channels) == (4, 1, 1 / 4000, False)
    assert (found.class_names, found.speaker_names) == (("high", "low"), ("ann", "bob"))
    samples, rate = audio.read(root / "high_ann_1.wav")
    np.testing.assert_array_equal(found.sample(0), audio.Raw(4000)(samples, rate))
    default = ss.data.from_audio(root, store=tmp_path / "store", front_end="raw")
    np.testing.assert_array_equal(default.sample(1)[:, 0], samples)
    assert ss.data.load(found.save(tmp_path / "saved")).store.meta.front_end == {"kind": "raw", "rate": 4000}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"front_end": "raw", "causal": False}, "causal = false is for the cochlea; raw is causal"),
        ({"front_end": "raw", "coding": "rate"}, "coding = 'rate' is for log-mel; raw has none"),
        ({"front_end": "raw", "channels": 3}, "channels = 3 is for the cochlea and log-mel; raw has one"),
        ({"front_end": "raw", "gain": 2.0}, "gain is of the causal cochlea"),
        ({"front_end": "raw", "rate": 10}, "rate: Input should be greater than or equal to 1000"),
        ({"rate": 8000}, "rate = 8000 is for raw; cochlea has its own"),
    ],
)
def test_options_of_another_front_end_are_refused(tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        ss.data.from_audio(tmp_path, **options)


def test_from_audio(tmp_path):
    root = named(tmp_path / "words")
    train = ss.data.from_audio(root, store=tmp_path / "store", test="take=0", **LOG_MEL)
    test = ss.data.from_audio(root, store=tmp_path / "store", part="test", test="take=0", **LOG_MEL)
    assert (len(train), len(test), train.channels, train.classes) == (8, 4, 32, 2)
    assert len(ss.data.from_audio(root, store=tmp_path / "store", **LOG_MEL)) == 12
    assert ss.data.load(train.save(tmp_path / "saved")).store.meta.front_end == train.store.meta.front_end
    with pytest.raises(InputError, match=r"part: 'valid'; the recordings of .* make test, train"):
        ss.data.from_audio(root, store=tmp_path / "store", part="valid", test="take=0", **LOG_MEL)
    with pytest.raises(InputError, match=r"audio.chanels: .*choose from front_end, causal, channels"):
        ss.data.from_audio(root, chanels=3)


def columns(splits: catalog.Splits) -> list[np.ndarray]:
    return [np.asarray(getattr(splits.train.store, name)) for name in ("times", "channels", "offsets", "labels")]


def test_processes_make_the_same_as_one(tmp_path, monkeypatch):
    root = named(tmp_path / "words")
    options = {"front_end": "cochlea", "channels": 20}
    alone = columns(loaded(root, **options))
    shutil.rmtree(tmp_path / "store")
    monkeypatch.setattr(audio_shards, "GROUP", 2)
    monkeypatch.setattr(audio_shards, "_cores", lambda: 2)
    for one, other in zip(alone, columns(loaded(root, **options)), strict=True):
        np.testing.assert_array_equal(one, other)
    assert [path.name for path in (tmp_path / "store").iterdir() if path.name.startswith(".")] == []


def test_a_killed_conversion_goes_on(tmp_path, monkeypatch):
    root = named(tmp_path / "words", takes=range(5))
    code = (
        "import sys, time; from spikescan.data import audio_set, audio_shards, catalog; audio_shards.GROUP = 2; "
        "audio_shards._cores = lambda: 1; options = audio_set.checked({'front_end': 'log-mel', 'channels': 32}); "
        "catalog.load('audio', root=sys.argv[1], store=sys.argv[2], progress=lambda *_: time.sleep(1), audio=options)"
    )
    store = tmp_path / "store"
    process = subprocess.Popen([sys.executable, "-c", code, str(root), str(store)], env=os.environ)
    until = time.monotonic() + 60
    while len(kept := list(store.glob(".audio-shards-*/*.npz"))) < 2 and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert len(kept) >= 2
    assert not list(store.glob("audio-*"))
    kept[0].write_bytes(kept[0].read_bytes()[:-20])  # as after a power cut: it is made again
    monkeypatch.setattr(audio_shards, "GROUP", 2)
    read, made = audio.read, []
    monkeypatch.setattr(audio, "read", lambda file: made.append(file) or read(file))
    found = loaded(root)
    assert 0 < len(made) <= 20 - 2 * (len(kept) - 1)
    shutil.rmtree(found.folder)
    for one, other in zip(columns(found), columns(loaded(root)), strict=True):
        np.testing.assert_array_equal(one, other)
    assert not list(store.glob(".audio-shards-*"))


def test_a_process_that_ends_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(audio_shards, "GROUP", 2)
    monkeypatch.setattr(audio_shards, "_cores", lambda: 2)
    monkeypatch.setattr(audio_shards, "_begin", sys.exit)
    with pytest.raises(InputError, match="a process that converts recordings has ended"):
        loaded(named(tmp_path / "words"))
