import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikescan.data import atomic
from spikescan.data.arrays import from_arrays
from spikescan.data.saved import load
from spikescan.errors import InputError


def some(samples=5, **options):
    rng = np.random.default_rng(0)
    times = [np.sort(rng.uniform(0, 1, index)) for index in range(samples)]
    return from_arrays(times, [rng.integers(0, 9, len(time)) for time in times], np.arange(samples) % 2, **options)


@given(st.permutations(range(5)), st.integers(0, 5))
def test_what_is_saved_comes_back(tmp_path_factory, order, size):
    data = some(num_channels=12, class_names=["no", "yes", "never"], ordered_channels=True, name="mine")
    part = data.subset(order[:size])
    folder = part.save(tmp_path_factory.mktemp("saved") / "set")
    found = load(folder)
    assert len(found) == size
    for index in range(size):
        assert [column.tolist() for column in found.sample(index)] == [c.tolist() for c in part.sample(index)]
    assert found.labels.tolist() == part.labels.tolist()
    for known in ("name", "channels", "classes", "class_names", "ordered_channels", "speakers"):
        assert getattr(found, known) == getattr(data, known)


def test_a_folder_that_is_there_is_kept(tmp_path):
    some().save(tmp_path / "set")
    with pytest.raises(InputError, match="set: is there already; name a new folder"):
        some(3).save(tmp_path / "set")
    assert len(load(tmp_path / "set")) == 5
    (tmp_path / "empty").mkdir()
    assert len(load(some(3).save(tmp_path / "empty"))) == 3


def test_whole_or_not_at_all(tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic, "_sync", full)
    with pytest.raises(InputError, match="No space left on device"):
        some().save(tmp_path / "set")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_no_set(tmp_path):
    with pytest.raises(InputError, match=r"no saved data set .meta.json is missing"):
        load(tmp_path)
    folder = some().save(tmp_path / "set")
    meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    (folder / "meta.json").write_text(json.dumps(meta | {"version": 99}), encoding="utf-8")
    with pytest.raises(InputError, match="format version 99"):
        load(folder)
