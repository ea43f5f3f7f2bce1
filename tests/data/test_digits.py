import hashlib
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from spikescan.data import digits
from spikescan.errors import InputError

CLOSED = digits._CORNERS


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    return digits.convert(tmp_path_factory.mktemp("digits"))


def test_the_docstring_tells_the_numbers(stores):
    assert (len(stores["train"]), len(stores["test"])) == (1442, 355)
    assert stores["train"].meta.sensor == digits.SENSOR == (2, 16, 16)
    assert digits._THRESHOLD == 3 * digits._LEVEL
    assert digits._STEPS * digits._STEP == 100_000
    sides = np.diff(CLOSED, axis=0).tolist()
    assert sides == [[1, 2], [1, -2], [-2, 0]]


def test_every_sample_sees_three_saccades(stores):
    for store in stores.values():
        assert 290_000 < store.durations.min() <= store.durations.max() <= 300_001
        assert store.meta.empty == store.meta.unsorted == 0
        assert 200 < store.counts.min() < store.counts.max() < 1000


def test_the_events_are_the_same_on_every_machine(stores):
    content = b"".join(stores[split].times.tobytes() + stores[split].channels.tobytes() for split in ("train", "test"))
    assert hashlib.sha256(content).hexdigest() == "b5aff6182ac157200442644347bfe1eb3923bdb9f38250ad1f8ba87b7a9d5af1"


def test_the_pictures_are_those_of_scikit_learn():
    images, labels = digits.pictures()
    expected = load_digits()
    for found, wanted in ((images, expected.images), (labels, expected.target)):
        assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
        assert found.tobytes() == wanted.tobytes()


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="what is loaded is read from /proc")
def test_scikit_learn_is_not_imported_and_there_is_one_openmp_runtime(tmp_path):
    program = r"""if True:
        import re, sys
        from pathlib import Path
        import torch
        import spikescan as ss
        from spikescan.data import digits
        digits.convert(Path(sys.argv[1]))
        assert "sklearn" not in sys.modules
        ss.SPSN()(torch.randn(5, 2, 3, requires_grad=True), seed=1).sum().backward()
        print(*set(re.findall(r"/\S*lib(?:gomp|omp|iomp5)\S*", Path("/proc/self/maps").read_text())), sep="\n")"""
    command = [sys.executable, "-c", program, str(tmp_path / "digits")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) == 1, done.stdout


@pytest.mark.parametrize(
    ("package", "words"),
    [
        (None, "the pictures come with scikit-learn, which is not installed; `pip install scikit-learn`"),
        ("empty", "digits.csv.gz: not there, but scikit-learn is"),
    ],
)
def test_missing_pictures_are_named(monkeypatch, tmp_path, package, words):
    found = package and SimpleNamespace(origin=str(tmp_path / package / "__init__.py"))
    monkeypatch.setattr(digits, "find_spec", lambda name: found)
    with pytest.raises(InputError, match=words):
        digits.convert(tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_an_event_follows_every_threshold_that_the_grey_level_passes():
    """Against a plain loop over the pixels of one digit."""
    picture = load_digits().images[7]
    block = digits.simulate(picture[None])
    seen = np.array([digits._seen(picture[None], *position)[0] for position in digits._path()])
    expected = []
    for y, x in np.ndindex(seen.shape[1:]):
        level = seen[0, y, x]
        for step in range(len(seen) - 1):
            start, end = seen[step : step + 2, y, x]
            while abs(end - level) >= digits._THRESHOLD:
                level += np.sign(end - level) * digits._THRESHOLD
                time = digits._STEP * (step + (level - start) / (end - start))
                expected.append((int(time + 1e-6), (int(end > start) * 16 + y) * 16 + x))
    assert sorted(zip(block.times.tolist(), block.channels.tolist(), strict=True)) == sorted(expected)
    assert np.all(np.diff(block.times) >= 0)


def test_the_camera_comes_back():
    path = list(digits._path())
    assert path[0] == path[-1]
    assert len(path) == 151


def test_a_dark_picture_has_no_events():
    assert digits.simulate(np.zeros((2, 8, 8))).counts.tolist() == [0, 0]


def test_the_sensor_sees_the_whole_picture():
    weights = digits._weights(0)
    assert weights.sum() == 12 * digits._UNIT
    assert np.array_equal(weights, weights[::-1, ::-1])
    for x, y in CLOSED:
        light = digits._seen(np.ones((1, 8, 8)), x * digits._PITCH, y * digits._PITCH).sum()
        assert light == 12 * 12 * digits._LEVEL


def test_every_fifth_of_each_class_is_for_testing():
    labels = np.array([0, 1] * 10)
    parts = digits.split_indices(labels)
    assert parts["test"].tolist() == [8, 9, 18, 19]
    assert sorted([*parts["train"], *parts["test"]]) == list(range(20))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_classes_can_be_told_apart(stores):
    """A linear model on the events of each channel in each saccade."""
    tables = {}
    for split, store in stores.items():
        sample = np.repeat(np.arange(len(store)), store.counts)
        place = (sample * 3 + np.minimum(store.times // 100_000, 2)) * 512 + store.channels
        tables[split] = np.bincount(place, minlength=len(store) * 3 * 512).reshape(len(store), -1)
    model = LogisticRegression(max_iter=60, C=0.05).fit(tables["train"], stores["train"].labels)
    assert model.score(tables["test"], stores["test"].labels) > 0.96
