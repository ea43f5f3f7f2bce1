"""A run at work without its data: files, arrays, custom classes, and what it refuses."""

import sys

import h5py
import numpy as np
import pytest
import torch

import spikescan as ss
from spikescan.errors import InputError
from spikescan.firing import Threshold
from spikescan.losses import readout


class Late(Threshold):
    """A firing function that the package does not know."""


def test_answer_is_the_networks(model, events):
    times, channels = events
    answer = model.predict_arrays(times, channels)
    assert list(answer.probabilities.values()) == sorted(answer.probabilities.values(), reverse=True)
    assert sum(answer.probabilities.values()) == pytest.approx(1)
    assert answer.label == next(iter(answer.probabilities))
    assert answer.runner_up == list(answer.probabilities)[1]
    assert set(answer.probabilities) == set(model.class_names)
    steps = int(times[-1] / model.recipe.data.step) + 1
    dense = torch.zeros(steps, 1, 10)
    bins = torch.from_numpy(np.rint(times * 1e6).astype(np.int64) // round(model.recipe.data.step * 1e6))
    dense.index_put_((bins, torch.zeros_like(bins), torch.from_numpy(channels // 2)), torch.ones(len(bins)), True)
    with torch.no_grad():
        scores = readout(model.network.run(dense, seed=0).readout, model.recipe.loss.readout)[0]
    expected = dict(zip(model.class_names, scores.softmax(-1).tolist(), strict=True))
    assert answer.probabilities == pytest.approx(expected, abs=1e-6)


def test_same_recording_from_every_file(model, events, tmp_path):
    times, channels = events
    expected = model.predict_arrays(times, channels)
    np.savez(tmp_path / "one.npz", times=times, channels=channels)
    np.savez(tmp_path / "us.npz", times=np.rint(times * 1e6).astype(np.int64), channels=channels, unit="us")
    with h5py.File(tmp_path / "one.h5", "w") as file:  # no labels: they are what is asked for
        for name, values, dtype in (("times", times, np.float64), ("units", channels, np.int64)):
            column = file.create_dataset(f"spikes/{name}", (1,), h5py.vlen_dtype(dtype))
            column[0] = values
    for name in ("one.npz", "us.npz", "one.h5"):
        assert model.predict(tmp_path / name) == expected, name
    order = np.random.default_rng(1).permutation(len(times))
    assert model.predict_arrays(times[order], channels[order]) == expected


def test_file_of_several_recordings(model, events, tmp_path):
    times, channels = events
    both = np.concatenate([times, times[:50]])
    np.savez(
        tmp_path / "two.npz",
        times=both,
        channels=np.concatenate([channels, channels[:50]]),
        offsets=[0, len(times), len(both)],
    )
    found = list(model.predict_all(tmp_path / "two.npz"))
    assert [name for name, _ in found] == [f"{tmp_path / 'two.npz'}#0", f"{tmp_path / 'two.npz'}#1"]
    assert [answer for _, answer in found] == [
        model.predict_arrays(times, channels),
        model.predict_arrays(times[:50], channels[:50]),
    ]
    with pytest.raises(InputError, match=r"two\.npz: holds 2 recordings; predict_all"):
        model.predict(tmp_path / "two.npz")


def test_recording_without_events_has_an_answer(model):
    assert model.predict_arrays([], []).label in model.class_names


@pytest.mark.parametrize(
    ("times", "channels", "message"),
    [
        ([0.1], [20], "channel 20"),
        ([-0.1], [2], "negative"),
        ([np.nan], [2], "not a finite number"),
        ([1], [2], "times: integers of unit"),
        ([0.1, 0.2], [2], "2 times and 1"),
    ],
)
def test_bad_events_are_named(model, times, channels, message):
    with pytest.raises(InputError, match=message):
        model.predict_arrays(times, channels)


def test_bad_files_are_named(model, tmp_path):
    with pytest.raises(InputError, match=r"gone\.npz: no such file"):
        model.predict(tmp_path / "gone.npz")
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04nonsense")
    with pytest.raises(InputError, match=r"broken\.npz: no sound \.npz"):
        model.predict(tmp_path / "broken.npz")
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    with pytest.raises(InputError, match=r"other\.npz: lacks dt"):
        model.predict(tmp_path / "other.npz")
    np.savez(tmp_path / "pickled.npz", times=np.array([{}], object), channels=np.zeros(1))
    with pytest.raises(InputError, match=r"pickled\.npz"):
        model.predict(tmp_path / "pickled.npz")
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    with pytest.raises(InputError, match=r"a\.wav: a sound, but .* was trained on events"):
        model.predict(tmp_path / "a.wav")
    (tmp_path / "a.xyz").write_bytes(b"?")
    with pytest.raises(InputError, match=r"a\.xyz: not a format that"):
        model.predict(tmp_path / "a.xyz")


def test_folder_that_is_no_finished_run(trained, tmp_path):
    with pytest.raises(InputError, match=r"not the folder of a run"):
        ss.load(tmp_path)
    for name in ("recipe.toml", "data.json"):
        (tmp_path / name).write_bytes((trained() / name).read_bytes())
    with pytest.raises(InputError, match=r"model\.safetensors: no such file"):
        ss.load(tmp_path)
    (tmp_path / "data.json").write_text('{"version": 1}', encoding="utf-8")
    with pytest.raises(InputError, match=r"data\.json: damaged"):
        ss.load(tmp_path)


def test_custom_class_is_handed_over_and_never_imported(trained, events, tmp_path, monkeypatch):
    from spikescan.training import custom

    monkeypatch.setattr(custom, "FOUND", {"evil_module:Late": Late})
    folder = trained(neuron__firing="evil_module:Late")
    (tmp_path / "evil_module.py").write_text("raise SystemExit('code from a run was executed')", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    custom.FOUND.clear()
    with pytest.raises(InputError, match=r"hand it over in ss\.load\(RUN, classes=\[Late\]\)"):
        ss.load(folder)
    model = ss.load(folder, classes=[Late])
    assert type(model.network.neurons[0].dynamics.firing) is Late
    assert model.predict_arrays(*events).label in model.class_names
    assert "evil_module" not in sys.modules


def test_answer_depends_on_recording_and_seed_alone(trained, events):
    model = ss.load(trained(neuron__name="spsn-sb"))
    first, again, other = (model.predict_arrays(*events, seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert first.probabilities != other.probabilities


@pytest.mark.parametrize("neuron", ["mpe-psn", "relu", "lif"])
def test_every_kind_of_neuron(trained, events, neuron):
    model = ss.load(trained(neuron__name=neuron))
    assert model.predict_arrays(*events).probability > 0
