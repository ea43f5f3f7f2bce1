import pytest
import torch

from spikescan.data.event_tensor import Batch, EventTensor


@pytest.fixture
def events():
    step, row, channel = torch.tensor([[0, 0, 2, 1], [0, 0, 0, 1], [4, 4, 0, 2]], dtype=torch.int32)
    return EventTensor(step, row, channel, (3, 2, 5))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_counts(events, dtype):
    expected = torch.zeros(3, 2, 5, dtype=dtype)
    expected[0, 0, 4], expected[2, 0, 0], expected[1, 1, 2] = 2, 1, 1
    assert torch.equal(events.dense(dtype), expected)
    assert len(events) == 4


def test_values_are_summed(events):
    weighted = EventTensor(events.step, events.row, events.channel, events.shape, torch.tensor([0.5, 0.25, 3, -1]))
    dense = weighted.dense()
    assert dense[0, 0, 4] == 0.75
    assert dense.sum() == 2.75


def test_compiles_without_a_graph_break(events):
    columns = events.step, events.row, events.channel
    dense = torch.compile(lambda *columns: EventTensor(*columns, events.shape).dense(), fullgraph=True, backend="eager")
    assert torch.equal(dense(*columns), events.dense())


def test_positions_beyond_32_bits():
    place = torch.tensor([99_999], dtype=torch.int32)
    assert EventTensor(place, place, place, (100_000,) * 3).flat().tolist() == [100_000**3 - 1]


def test_everything_moves_together(events):
    batch = Batch(events, torch.tensor([1, 0]), torch.tensor([3, 2]), torch.tensor([7, 8])).to("meta")
    parts = [batch.events.step, batch.events.row, batch.events.channel, batch.labels, batch.lengths, batch.indices]
    assert {part.device.type for part in parts} == {"meta"}
    assert batch.events.device.type == "meta"
    assert batch.events.value is None
    assert batch.events.shape == (3, 2, 5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_makes_the_same_tensor(events):
    moved = events.pin_memory().to("cuda", non_blocking=True)
    assert torch.equal(moved.dense().cpu(), events.dense())
