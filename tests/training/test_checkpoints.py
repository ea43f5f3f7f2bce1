import errno
import os

import pytest
import torch

from spikescan.errors import InputError, TrainingError
from spikescan.training import checkpoints, files

CONTENT = {name: {} for name in checkpoints.NEEDED} | {"state_dict": {"w": torch.arange(1000.0)}}


@pytest.fixture
def folder(tmp_path):
    for epoch in (1, 2, 3):
        checkpoints.Checkpoints().save_checkpoint(CONTENT | {"rows": [epoch]}, checkpoints.path_of(tmp_path, epoch))
    return tmp_path


def spoil(path, how):
    data = bytearray(path.read_bytes())
    if how == "truncated":
        data = data[: len(data) // 2]
    elif how == "one bit":
        data[len(data) // 2] ^= 1
    else:
        data = bytearray(b"" if how == "empty" else b"not a checkpoint")
    path.write_bytes(data)


def test_newest_is_found(folder):
    said = []
    assert checkpoints.newest_whole(folder, said.append) == checkpoints.path_of(folder, 3)
    assert said == []


@pytest.mark.parametrize("how", ["truncated", "one bit", "empty", "foreign"])
def test_damaged_newest_gives_way_to_the_one_before(folder, how):
    spoil(checkpoints.path_of(folder, 3), how)
    said = []
    assert checkpoints.newest_whole(folder, said.append) == checkpoints.path_of(folder, 2)
    assert "epoch-0003.ckpt: damaged checkpoint" in said[0]
    assert "trying the one before" in said[0]


def test_all_damaged(folder):
    for epoch in (1, 2, 3):
        spoil(checkpoints.path_of(folder, epoch), "truncated")
    with pytest.raises(InputError, match="every checkpoint is damaged"):
        checkpoints.newest_whole(folder, lambda message: None)


def test_none_at_all(tmp_path):
    assert checkpoints.newest_whole(tmp_path, pytest.fail) is None


def test_foreign_torch_file(tmp_path):
    torch.save({"weights": 1}, tmp_path / "epoch-0001.ckpt")
    with pytest.raises(InputError, match="not a checkpoint of spikescan"):
        checkpoints.read(tmp_path / "epoch-0001.ckpt")


def test_no_code_is_executed(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "executed"),)

    torch.save(CONTENT | {"rows": Evil()}, tmp_path / "epoch-0001.ckpt")
    with pytest.raises(InputError, match="damaged checkpoint"):
        checkpoints.read(tmp_path / "epoch-0001.ckpt")
    assert not (tmp_path / "executed").exists()


def test_two_newest_and_the_chosen_are_kept(folder):
    checkpoints.Checkpoints().save_checkpoint(CONTENT, checkpoints.path_of(folder, 4))
    checkpoints.keep(folder, {1})
    assert checkpoints.epochs(folder) == [4, 3, 1]


def test_full_disk_leaves_the_one_before(folder, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = checkpoints.path_of(folder, 3).read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(TrainingError, match=r"epoch-0003.*No space left"):
            checkpoints.Checkpoints().save_checkpoint({}, checkpoints.path_of(folder, 3))
    assert checkpoints.path_of(folder, 3).read_bytes() == before
    assert len(list(folder.iterdir())) == 3


def test_atomic_write_replaces_whole_files(tmp_path):
    path = tmp_path / "x.txt"
    files.write_atomic(path, "one")
    files.write_atomic(path, b"two")
    assert path.read_bytes() == b"two"
    assert [item.name for item in tmp_path.iterdir()] == ["x.txt"]
