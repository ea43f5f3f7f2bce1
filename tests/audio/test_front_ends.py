"""What all front ends promise: seeds, settings, streams that equal the whole, bad input that is named."""

import numpy as np
import pytest
import soundfile

from spikescan import audio
from spikescan.errors import InputError

FRONTS = audio.Cochlea(70), audio.CausalCochlea(70), audio.LogMel(32), audio.LogMel(16, "rate")
CAUSAL = FRONTS[1:]
RAW = audio.Raw(4000)


def chirp(rate, seconds=0.3):
    t = np.arange(int(rate * seconds)) / rate
    return (0.3 * np.sin(2 * np.pi * (100 * t + 4000 * t**2))).astype(np.float32)


@pytest.mark.parametrize("front", FRONTS, ids=lambda front: front.kind)
def test_spikes_are_in_order_and_a_function_of_the_seed(front):
    times, channels = front(chirp(8000), 8000, seed=3)
    assert len(times) > 10
    assert times.dtype == np.float64
    assert (np.diff(times) >= 0).all()
    assert 0 <= channels.min() <= channels.max() < front.channels
    again = front(chirp(8000), 8000, seed=3)
    assert np.array_equal(times, again.times)
    assert np.array_equal(channels, again.channels)
    other = front(chirp(8000), 8000, seed=4)
    assert np.array_equal(times, other.times) == (front.settings().get("coding") == "delta")


@pytest.mark.parametrize("rate", [8000, 16_000, 44_100, 48_000])
@pytest.mark.parametrize("front", CAUSAL, ids=lambda front: front.kind)
def test_a_stream_equals_the_whole(front, rate):
    sound = chirp(rate)
    whole = front(sound, rate, seed=3)
    for cuts in ([1, 2, 3, 64, 65, 900], list(range(500)), [len(sound) // 2]):
        stream = front.stream(rate, seed=3)
        parts = [stream.push(part) for part in np.split(sound, cuts)] + [stream.finish()]
        assert np.array_equal(np.concatenate([part.times for part in parts]), whole.times)
        assert np.array_equal(np.concatenate([part.channels for part in parts]), whole.channels)


@pytest.mark.parametrize("rate", [4000, 8000, 44_100])
def test_waveforms_keep_what_the_rate_can_carry(rate):
    low, high = (np.sin(2 * np.pi * hertz * np.arange(rate) / rate).astype(np.float32) for hertz in (440, 2100))
    values = RAW(low, rate)
    assert (values.shape, values.dtype) == ((4000, 1), np.float32)
    expected = np.sin(2 * np.pi * 440 * np.arange(4000) / 4000)
    assert np.abs(values[100:-100, 0] - expected[100:-100]).max() < 0.02
    assert rate == 4000 or np.abs(RAW(high, rate)[100:-100]).max() < 0.02
    for cuts in ([1, 2, 3, 64, 65, 900], list(range(500)), [rate // 2]):
        stream = RAW.stream(rate)
        parts = [stream.push(part) for part in np.split(low, cuts)] + [stream.finish()]
        assert np.array_equal(np.concatenate(parts), values)


@pytest.mark.parametrize("front", [*FRONTS, RAW], ids=lambda front: front.kind)
def test_settings_make_the_same_front_end(front):
    assert audio.from_settings(front.settings()).settings() == front.settings()
    with pytest.raises(InputError, match="chanels"):
        audio.from_settings(front.settings() | {"chanels": 3})


def test_bad_settings_are_named():
    with pytest.raises(InputError, match="kind"):
        audio.from_settings({"kind": "ear"})
    with pytest.raises(InputError, match="gain"):
        audio.from_settings({"kind": "causal-cochlea", "gain": -1.0})
    with pytest.raises(InputError, match="raw: rate: 1000 to 1000000 is possible, found 999"):
        audio.from_settings({"kind": "raw", "rate": 999})


@pytest.mark.parametrize(
    ("samples", "rate", "says"),
    [
        (np.zeros(0, np.float32), 8000, "empty"),
        (np.zeros((3, 2), np.float32), 8000, "one axis"),
        (np.array([0.0, np.nan]), 8000, "sample 1"),
        (np.zeros(9, np.float32), 0, "rate"),
    ],
)
@pytest.mark.parametrize("front", [*FRONTS, RAW], ids=lambda front: front.kind)
def test_bad_sound_is_refused(front, samples, rate, says):
    with pytest.raises(InputError, match=says):
        front(samples, rate)


def test_the_exact_cochlea_takes_no_stream_and_no_silence():
    with pytest.raises(ValueError, match="causal-cochlea"):
        FRONTS[0].stream(8000)
    with pytest.raises(InputError, match="silent"):
        FRONTS[0](np.zeros(100, np.float32), 8000)


@pytest.mark.parametrize("format", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT"])
def test_read(tmp_path, format):
    sound = np.stack([chirp(8000), -0.5 * chirp(8000)], axis=1)
    soundfile.write(tmp_path / "a.wav", sound, 8000, subtype=format)
    samples, rate = audio.read(tmp_path / "a.wav")
    assert (rate, samples.dtype) == (8000, np.float32)
    assert np.abs(samples - sound.mean(axis=1)).max() < 0.01


def test_files_that_cannot_be_read_are_named(tmp_path):
    (tmp_path / "text.wav").write_text("no sound")
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 8000)
    soundfile.write(tmp_path / "nan.wav", np.array([0, np.nan]), 8000, subtype="FLOAT")
    for name in ("text", "empty", "nan", "missing"):
        with pytest.raises(InputError, match=f"{name}.wav"):
            audio.read(tmp_path / f"{name}.wav")
