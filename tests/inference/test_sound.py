"""From sound files to a trained run, and from its folder alone to answers for files, samples and streams."""

import json

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

import spikescan as ss
from spikescan import cli
from spikescan.errors import InputError
from spikescan.training import recipe_files, run

RATE = 8000


def tone(pitch, seed, seconds=0.25):
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    return (0.3 * np.sin(2 * np.pi * pitch * time) + 0.02 * rng.normal(size=len(time))).astype(np.float32)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run on two tones of eight takes each, whose recordings and converted store are gone."""
    folder = tmp_path_factory.mktemp("sound")
    (words := folder / "words").mkdir()
    for take in range(8):
        for label, pitch in (("low", 300), ("high", 1500)):
            soundfile.write(words / f"{label}_ann_{take}.wav", tone(pitch, take), RATE)
    changes = {
        "data.root": str(words),
        "data.pool": 1,
        "data.augment": False,
        "audio.channels": 32,
        "audio.test": "take<=1",
        "network.hidden": [16],
        "training.epochs": 8,
        "training.batch_size": 8,
        "training.device": "cpu",
        "protocol.validation": 0.2,
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("spikescan.training.pictures.of_run", lambda *arguments, **options: [])
        stuff = run.prepare(recipe_files.load("audio", changes), folder / "run", store=folder / "store")
        run.train(stuff, folder / "run", say=str)
    for file in (*words.iterdir(), *(item for item in (folder / "store").rglob("*") if item.is_file())):
        file.unlink()
    return folder / "run"


@pytest.fixture
def model(trained):
    return ss.load(trained)


def test_files_of_any_form_get_the_answer_of_their_samples(model, tmp_path):
    samples = tone(1500, 50)
    soundfile.write(tmp_path / "new.wav", samples, RATE, subtype="FLOAT")
    soundfile.write(tmp_path / "new.flac", samples, RATE, subtype="PCM_24")
    soundfile.write(tmp_path / "stereo.wav", np.stack([samples, samples], 1), RATE, subtype="FLOAT")
    expected = model.predict_sound(samples, RATE)
    assert expected.label == "high"
    assert model.predict_sound(tone(300, 51), RATE).label == "low"
    assert model.predict(tmp_path / "new.wav") == model.predict(tmp_path / "stereo.wav") == expected
    assert model.predict(tmp_path / "new.flac").label == "high"


@pytest.mark.parametrize("size", [1, 80, 333, 5000])
def test_a_stream_gives_the_answer_of_the_whole(model, size):
    samples = tone(1500, 52)[:: 4 if size == 1 else 1]  # sample by sample takes long
    stream = model.stream(rate=RATE, seed=3)
    for start in range(0, len(samples), size):
        stream.push(samples[start : start + size])
    found, expected = stream.finish(), model.predict_sound(samples, RATE, seed=3)
    assert found.probabilities == pytest.approx(expected.probabilities, abs=2e-6)


def test_command_reads_raw_samples(trained, model):
    raw = np.rint(tone(1500, 53) * 2**15).astype("<i2")
    result = CliRunner().invoke(
        cli.app, ["predict", str(trained), "--stream", "--rate", str(RATE)], input=raw.tobytes()
    )
    assert result.exit_code == 0, result.output
    last = json.loads(result.stdout.splitlines()[-1])
    expected = model.predict_sound(raw.astype(np.float32) / 2**15, RATE)
    assert (last["label"], last["final"]) == (expected.label, True)
    assert last["probability"] == pytest.approx(expected.probability, abs=1e-5)


def test_what_does_not_suit_is_refused(trained, model, monkeypatch):
    with pytest.raises(InputError, match="rate: samples per second are needed"):
        model.stream()
    with pytest.raises(InputError, match="samples: NaN"):
        model.stream(rate=RATE).push(np.array([np.nan]))
    with pytest.raises(InputError, match="trained on sound; push"):
        model.stream(rate=RATE).push_events([0.1], [1])
    result = CliRunner().invoke(cli.app, ["predict", str(trained), "--stream", "--rate", "8000"], input=b"abc")
    assert result.exit_code == 2
    assert "ends inside a sample" in result.stderr


def test_an_acausal_front_end_takes_no_stream(model):
    from dataclasses import replace

    from spikescan import audio

    acausal = replace(model, front_end=audio.Cochlea(channels=32))
    with pytest.raises(InputError, match=r"needs the whole recording; train with --set audio\.causal=true"):
        acausal.stream(rate=RATE)
