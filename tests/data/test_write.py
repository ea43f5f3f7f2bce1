import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikescan.data.atomic import atomic_folder
from spikescan.data.events import open_store
from spikescan.data.write import Block, in_order, write_store
from spikescan.errors import InputError

BLOCK = Block(np.arange(6), np.arange(6), np.array([4, 2]))


def write(path, blocks=(BLOCK,), samples=2, **options):
    return write_store(path, blocks, labels=np.zeros(samples, np.int64), source="a test", **options)


def test_blocks_follow_each_other(tmp_path):
    store = write(tmp_path / "s", [BLOCK, Block(np.array([9]), np.array([7]), np.array([0, 1, 0]))], samples=5)
    assert store.offsets.tolist() == [0, 4, 6, 6, 7, 7]
    assert store.times.tolist() == [0, 1, 2, 3, 4, 5, 9]
    assert store.meta.largest_channel == 7
    assert store.meta.empty == 2


def test_blocks_are_taken_one_at_a_time(tmp_path):
    taken = []

    def blocks():
        for number in range(3):
            taken.append(number)
            yield BLOCK

    generator = blocks()
    store = write(tmp_path / "s", generator, samples=6)
    assert taken == [0, 1, 2]
    assert len(store.times) == 18


def test_unsorted_samples_are_sorted_and_counted(tmp_path):
    block = Block(np.array([3, 1, 2, 0, 5, 4]), np.array([0, 1, 2, 3, 4, 5]), np.array([3, 1, 2]))
    store = write(tmp_path / "s", [block], samples=3)
    assert store.times.tolist() == [1, 2, 3, 0, 4, 5]
    assert store.channels.tolist() == [1, 2, 0, 3, 5, 4]
    assert store.meta.unsorted == 2


@given(st.lists(st.lists(st.integers(0, 5), max_size=6), min_size=1, max_size=6))
def test_in_order_is_a_stable_sort_of_each_sample(samples):
    times = np.array([time for sample in samples for time in sample], np.int64)
    counts = np.array([len(sample) for sample in samples])
    block, mended = in_order(Block(times, np.arange(len(times)), counts))
    starts = np.cumsum(counts) - counts
    expected = [start + k for start, sample in zip(starts, samples) for k in np.argsort(sample, kind="stable")]
    assert block.channels.tolist() == expected
    assert block.times.tolist() == [time for sample in samples for time in sorted(sample)]
    assert mended == sum(sample != sorted(sample) for sample in samples)


def test_nothing_is_left_when_reading_fails(tmp_path):
    def blocks():
        yield BLOCK
        raise InputError("broken")

    with pytest.raises(InputError, match="broken"):
        write(tmp_path / "s", blocks())
    assert list(tmp_path.iterdir()) == []


def test_labels_for_other_samples_are_a_mistake_of_the_caller(tmp_path):
    with pytest.raises(ValueError, match="2 samples and 3 labels"):
        write(tmp_path / "s", samples=3)
    assert list(tmp_path.iterdir()) == []


def test_the_parent_of_a_store_is_made(tmp_path):
    assert len(write(tmp_path / "a" / "b" / "s")) == 2


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"cannot be written.*--store"):
        write(tmp_path / "file" / "s")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match=r"Permission denied.*--store"):
        write(tmp_path / "s")


def run(code, *arguments):
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)], capture_output=True, text=True
    )


def test_a_full_disk(tmp_path):
    code = """
        import resource, signal, sys
        import numpy as np
        from spikescan.data.write import Block, write_store
        from spikescan.errors import InputError
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        events = np.zeros(1_000_000, np.int64)
        try:
            write_store(sys.argv[1], [Block(events, events, np.array([len(events)]))], labels=np.zeros(1), source="")
        except InputError as error:
            print(error)
    """
    pytest.importorskip("resource")
    done = run(code, tmp_path / "s")
    assert "cannot be written (File too large); free some space" in done.stdout, done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs POSIX signals")
@pytest.mark.parametrize("moment", ["events", "rename"])
def test_a_killed_conversion_is_never_taken_for_whole(tmp_path, moment):
    code = """
        import os, signal, sys
        import numpy as np
        from spikescan.data.write import Block, write_store

        def die(*_):
            os.kill(os.getpid(), signal.SIGKILL)

        def blocks():
            yield Block(np.arange(6), np.arange(6), np.array([4, 2]))
            if sys.argv[2] == "events":
                die()

        os.replace = die
        write_store(sys.argv[1], blocks(), labels=np.zeros(2, np.int64), source="a test")
    """
    path = tmp_path / "s"
    assert run(code, path, moment).returncode == -signal.SIGKILL
    (leftover,) = tmp_path.iterdir()
    assert leftover.name.startswith(".s.partial-")
    with pytest.raises(InputError, match="not an event store"):
        open_store(path)
    assert len(write(path)) == 2
    assert len(open_store(path)) == 2


def test_old_leftovers_are_removed_and_fresh_ones_are_not(tmp_path):
    old, fresh, other = (tmp_path / name for name in (".s.partial-1", ".s.partial-2", ".t.partial-1"))
    for folder in (old, fresh, other):
        folder.mkdir()
        (folder / "times.npy").write_text("")
    for folder in (old, other):
        os.utime(folder, (time.time() - 90_000,) * 2)
    write(tmp_path / "s")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".s.partial-2", ".t.partial-1", "s"]


def test_whoever_finishes_first_wins(tmp_path):
    path = tmp_path / "set"
    with atomic_folder(path) as slow:
        (slow / "who").write_text("slow")
        with atomic_folder(path) as fast:
            (fast / "who").write_text("fast")
    assert (path / "who").read_text() == "fast"
    assert [path] == list(tmp_path.iterdir())
