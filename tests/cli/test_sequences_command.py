"""From pictures as sequences, and from waveforms, to a run and its answers, by the command line alone."""

import json

import mnist_files
import numpy as np
import pytest
import soundfile
from mnist_files import pictures, write_set
from typer.testing import CliRunner

import spikescan as ss
from spikescan import cli
from spikescan.data import mnist

pytestmark = pytest.mark.usefixtures("no_pictures")


@pytest.mark.parametrize("name", ["smnist", "psmnist"])
def test_mnist(call, tmp_path, name):
    write_set(tmp_path / "m", packed=True, train=False)
    places = ["--root", tmp_path / "m", "--store", tmp_path / "s", "--out", tmp_path / "run", "--device", "cpu"]
    small = ["--set", "network.hidden=[8]", "--set", "protocol.validation=0.5", "--epochs", 1, "--batch-size", 9]
    trained = call("train", name, *places, *small, "--json")
    assert json.loads(trained.stdout)["data"] == name
    assert "of the 20 pictures" in trained.stderr
    assert "784 steps per sample of 1 ms" in trained.stderr
    assert "learn_tau = true" in (tmp_path / "run" / "recipe.toml").read_text()
    images, _ = pictures(3, 7)
    (new := tmp_path / "new-images").write_bytes(mnist_files.idx(images))
    answers = [json.loads(line) for line in call("predict", tmp_path / "run", new, "--json").stdout.splitlines()]
    assert [answer["file"] for answer in answers] == [f"{new}#{k}" for k in range(3)]
    order = mnist.permutation() if name == "psmnist" else np.arange(784)
    expected = ss.load(tmp_path / "run").predict_values(images[2].reshape(-1)[order] / 255)
    assert answers[2]["probability"] == pytest.approx(expected.probability, abs=1e-6)
    assert answers[2]["label"] == expected.label
    new.write_bytes(b"no pictures")
    assert "no IDX file of pictures" in call("predict", tmp_path / "run", new, code=2).stderr


def test_waveforms(call, tmp_path):
    (words := tmp_path / "words").mkdir()
    for take in range(6):
        for label, pitch in (("low", 300), ("high", 1500)):
            wave = 0.3 * np.sin(2 * np.pi * pitch * np.arange(800 + 20 * take) / 8000)
            soundfile.write(words / f"{label}_ann_{take}.wav", wave, 8000)
    places = ["--root", words, "--store", tmp_path / "s", "--out", tmp_path / "run", "--device", "cpu"]
    small = ["--set", "network.hidden=[16]", "--set", "audio.test=take<=1", "--set", "protocol.validation=0.25"]
    rate = ["--set", "audio.rate=4000", "--set", "data.dt=250e-6"]
    train = ["train", "audio", "--recipe", "speech-raw", *places, *small, "--epochs", 1, "--batch-size", 4]
    trained = call(*train, *rate)
    assert "400 to 450 steps per sample" in trained.stderr
    (answer,) = call("predict", tmp_path / "run", words / "low_ann_0.wav", "--json").stdout.splitlines()
    raw, _ = soundfile.read(words / "low_ann_0.wav", dtype="int16")
    command = ["predict", str(tmp_path / "run"), "--stream", "--rate", "8000"]
    streamed = CliRunner().invoke(cli.app, command, input=raw.astype("<i2").tobytes())
    last = json.loads(streamed.stdout.splitlines()[-1])
    assert (last["seconds"], last["final"]) == (0.1, True)
    assert last["probability"] == pytest.approx(json.loads(answer)["probability"], abs=1e-5)
    found = call("data", "info", "audio", *places[:4], "--set", "audio.front_end=raw", "--json")
    assert json.loads(found.stdout)["channels"] == 1
    again = call(*train, "--overwrite", "--set", "audio.rate=4000", code=2)
    assert "dt must be a whole multiple of that, for instance 0.00025" in again.stderr
    assert (
        "rate = 8000 is for raw"
        in call(*train, "--set", "audio.front_end=cochlea", "--set", "audio.rate=8000", code=2).stderr
    )
