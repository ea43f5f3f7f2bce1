"""Generated sets are read by the sets' own readers."""

import pytest

from spikescan.data.catalog import load
from spikescan.papers import _generated

SAMPLES = {"dvsgesture": (44, 22, 11), "cifar10dvs": (80, 30, 10), "ncaltech101": (72, 8, 4), "cifar10": (100, 20, 10)}


@pytest.mark.parametrize("name", _generated.SETS)
def test_the_reader_finds_every_sample(name, tmp_path):
    found = load(name, root=_generated.write(name, tmp_path / "set"), store=tmp_path / "store")
    assert (len(found.train), len(found.test), found.classes) == SAMPLES[name]
    if name != "cifar10":
        assert set(found.train.counts) == set(found.test.counts) == {_generated.EVENTS}
        assert found.train.durations.max() <= _generated.LASTS


def test_always_the_same_and_left_alone_where_it_is(tmp_path):
    one, other = (_generated.write("cifar10", tmp_path / name) for name in ("one", "other"))
    files = sorted(path.relative_to(one) for path in one.rglob("*.bin"))
    assert len(files) == 6
    assert all((one / file).read_bytes() == (other / file).read_bytes() for file in files)
    (one / files[0]).unlink()
    _generated.write("cifar10", one)
    assert not (one / files[0]).exists()
