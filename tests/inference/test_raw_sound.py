"""A network on waveforms: files, samples and streams of any cut get one answer, steps of several samples included."""

import numpy as np
import pytest
import soundfile
from test_sound import RATE, tone

import spikescan as ss
from spikescan.errors import InputError
from spikescan.inference import value_stream
from spikescan.training import recipe_files, run


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Trains on two tones of eight takes each, steps of so many samples; the recordings are gone."""
    kept = {}

    def make(width, **changes):
        if (key := (width, *changes.items())) in kept:
            return kept[key]
        folder = tmp_path_factory.mktemp("raw")
        (words := folder / "words").mkdir()
        for take in range(8):
            for label, pitch in (("low", 300), ("high", 1500)):
                soundfile.write(words / f"{label}_ann_{take}.wav", tone(pitch, take, 0.1), RATE)
        settings = {
            "data.root": str(words),
            "data.dt": width / RATE,
            "audio.test": "take<=1",
            "network.hidden": [32],
            "training.epochs": 1,
            "training.batch_size": 4,
            "training.device": "cpu",
            "protocol.validation": 0.2,
        } | {name.replace("__", "."): value for name, value in changes.items()}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("spikescan.training.pictures.of_run", lambda *arguments, **options: [])
            stuff = run.prepare(recipe_files.load("speech-raw", settings), folder / "run", store=folder / "store")
            run.train(stuff, folder / "run", say=str)
        for file in (*words.iterdir(), *(item for item in (folder / "store").rglob("*") if item.is_file())):
            file.unlink()
        kept[key] = folder / "run"
        return kept[key]

    return make


def test_tones_are_told_apart(trained, tmp_path):
    model = ss.load(trained(1, training__epochs=30, training__lr=0.02))
    samples = tone(1500, 50, 0.1)
    soundfile.write(tmp_path / "new.wav", samples, RATE, subtype="FLOAT")
    assert model.predict(tmp_path / "new.wav") == model.predict_sound(samples, RATE) == model.predict_values(samples)
    assert model.predict_sound(samples, RATE).label == "high"
    assert model.predict_sound(tone(300, 51, 0.1), RATE).label == "low"


@pytest.mark.parametrize("mode", ["mean", "max", "last"])
@pytest.mark.parametrize(("width", "tail"), [(1, 0.0), (3, 0.0), (3, 2e-3)])
def test_a_stream_gives_the_answer_of_what_it_heard(trained, width, tail, mode, monkeypatch):
    monkeypatch.setattr(value_stream, "PIECE", 50)  # several passes a push
    model, samples = ss.load(trained(width, data__tail=tail, loss__readout=mode)), tone(1500, 52, 0.1)
    stream = model.stream(rate=RATE, seed=3)
    ends = [1, 2, 7, 300, 301, 800]
    for start, end in zip([0, *ends], ends, strict=False):
        found = stream.push(samples[start:end])
        expected = model.predict_sound(samples[:end], RATE, seed=3)
        assert found.probabilities == pytest.approx(expected.probabilities, abs=2e-6)
    assert stream.seconds == pytest.approx(0.1)
    assert stream.push(samples[:0]) == stream.finish() == found


def test_another_rate_is_converted(trained):
    model, samples = ss.load(trained(1)), np.repeat(tone(300, 53, 0.1), 2)
    stream = model.stream(rate=2 * RATE)
    for part in np.array_split(samples, 9):
        stream.push(part)
    assert stream.finish().probabilities == pytest.approx(
        model.predict_sound(samples, 2 * RATE).probabilities, abs=2e-6
    )


def test_what_does_not_suit_is_refused(trained):
    model = ss.load(trained(1))
    with pytest.raises(InputError, match="rate: samples per second are needed"):
        model.stream()
    with pytest.raises(InputError, match="trained on sound; push"):
        model.stream(rate=RATE).push_events([0.1], [1])
    with pytest.raises(InputError, match="trained on real-valued data; predict_values"):
        model.predict_arrays([0.1], [0])
    with pytest.raises(InputError, match="cuts a recording into 20 frames, which needs all of it"):
        ss.load(trained(1, data__frames=20)).stream(rate=RATE)
