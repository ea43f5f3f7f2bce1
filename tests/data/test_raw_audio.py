"""A folder of sound files kept as waveforms."""

import numpy as np
import pytest
from test_audio_set import named

import spikescan as ss
from spikescan import audio
from spikescan.errors import InputError


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
