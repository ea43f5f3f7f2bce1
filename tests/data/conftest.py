import numpy as np
import pytest

from spikescan.data.write import Block, write_store


@pytest.fixture
def make_store(tmp_path):
    """Makes a store from a list of (times in µs, channels) and labels."""
    numbers = iter(range(1000))

    def make(samples, labels=None, **options):
        times, channels = (
            [np.asarray(column, np.int64) for column in columns] for columns in zip(*samples, strict=True)
        )
        block = Block(np.concatenate(times), np.concatenate(channels), np.array([len(column) for column in times]))
        labels = np.zeros(len(samples), np.int64) if labels is None else np.asarray(labels)
        return write_store(tmp_path / f"store-{next(numbers)}", [block], labels=labels, source="a test", **options)

    return make


@pytest.fixture(params=["right", "left"])
def pad(request):
    return request.param
