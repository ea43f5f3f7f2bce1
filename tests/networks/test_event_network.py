"""A network that is fed from an event store: what the dense tensor would give, without that tensor."""

import numpy as np
import pytest
import torch
from event_cases import events_of, largest_allocation
from tolerances import assert_close
from torch import nn
from torch.nn import functional as F

import spikescan as ss
from spikescan.data.event_batches import BatchMaker
from spikescan.data.event_tensor import EventTensor
from spikescan.data.write import Block, write_store
from spikescan.networks import EventLinear, SpikingMLP, _event_linear
from spikescan.sparse import event_linear

CHANNELS, ROWS, EVENTS, MILLISECONDS = 700, 4, 2000, 300


@pytest.fixture
def batch(tmp_path):
    """Of recordings that fill 1 % of their places."""
    random = np.random.default_rng(2)
    times = np.sort(random.integers(0, MILLISECONDS * 1000, (ROWS, EVENTS))).ravel()
    block = Block(times, random.integers(0, CHANNELS, ROWS * EVENTS), np.full(ROWS, EVENTS))
    store = write_store(tmp_path / "store", [block], labels=np.zeros(ROWS, np.int64), source="a test")
    return BatchMaker(store, channels=CHANNELS, dt=1e-3)(np.arange(ROWS))


def train(network: nn.Module, events, lengths: torch.Tensor) -> None:
    network.zero_grad()
    network.run(events, seed=7, lengths=lengths).readout.float().square().mean().backward()


@pytest.mark.parametrize("chunk", [None, 100])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, "autocast"], ids=str)
def test_the_dense_tensor_is_never_made(batch, dtype, chunk, monkeypatch):
    """A tensor with a byte for each place would already be too large."""
    network = SpikingMLP(CHANNELS, (16, 16), 4)
    network = network if dtype == "autocast" else network.to(dtype)
    whole = network if chunk is None else ss.chunked(network, chunk)
    places = (MILLISECONDS if chunk is None else chunk) * ROWS * CHANNELS

    def largest() -> int:
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == "autocast"):
            return largest_allocation(lambda: train(whole, batch.events, batch.lengths))

    assert largest() < places
    assert network.linears[0].weight.grad.any()
    monkeypatch.setattr(_event_linear, "DENSE_FROM", 0.0)
    assert largest() >= 2 * places


def test_the_same_as_with_the_dense_tensor(batch):
    network = SpikingMLP(CHANNELS, (16, 16), 4).double()
    found = []
    for x in (batch.events, batch.events.dense(torch.float64)):
        train(network, x, batch.lengths)
        out = network.run(x, seed=7, lengths=batch.lengths, potentials=True)
        found.append([out.readout, *(parameter.grad for parameter in network.parameters())])
    for one, other in zip(*found, strict=True):
        assert_close(one, other)


@pytest.mark.parametrize("fill", [0.1, 0.5])
@pytest.mark.parametrize("cast", [None, torch.float16, torch.bfloat16])
def test_autocast_as_in_a_linear_layer(cast, fill):
    shape = 20, 3, 30
    layer, events = EventLinear(30, 5), events_of(shape, int(fill * 1800), valued=True)
    with torch.autocast("cpu", cast, enabled=cast is not None):
        found, linear = layer(events), F.linear(events.dense(), layer.weight, layer.bias)
    assert found.dtype == linear.dtype == (cast or torch.float32)
    assert_close(found, linear)
    (grad,) = torch.autograd.grad(found.float().sum(), layer.weight)
    assert grad.dtype == torch.float32
    assert_close(grad, events.dense().sum((0, 1)).expand(5, -1), dtype=found.dtype)


def test_crowded_events_take_the_dense_product(monkeypatch):
    layer = EventLinear(30, 5)
    sparse, crowded = events_of((20, 3, 30), 180), events_of((20, 3, 30), 900)
    monkeypatch.setattr(_event_linear, "event_linear", None)
    assert torch.equal(layer(crowded), F.linear(crowded.dense(), layer.weight, layer.bias))
    with pytest.raises(TypeError, match="NoneType"):
        layer(sparse)


def test_compiles_without_a_graph_break():
    torch._dynamo.reset()
    layer, events = EventLinear(30, 5), events_of((20, 3, 30), 180)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    assert torch.equal(compiled(events), layer(events))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(compiled(events), layer(events))
    torch._dynamo.reset()


def placed(step, row, channel, shape, value=None):
    return EventTensor(*(torch.tensor(place, dtype=torch.int32) for place in (step, row, channel)), shape, value)


@pytest.mark.parametrize("count", [1, 5], ids=["gathered", "dense"])
@pytest.mark.parametrize(("name", "place"), [("step", 1), ("row", 2), ("channel", 4), ("step", -1), ("channel", -1)])
def test_places_outside_the_shape(count, name, place):
    places = {"step": 0, "row": 0, "channel": 0} | {name: place}
    events = placed(*([value] * count for value in places.values()), (1, 2, 4))
    with pytest.raises(ValueError, match=f"{name}: places 0 to . are there, found {place}"):
        EventLinear(4, 3)(events)


@pytest.mark.parametrize("channels", [2, 64])
def test_values_that_need_a_gradient_get_it(channels):
    """However full the tensor is; the operation itself, which has none to give, says so."""
    value, layer = torch.rand(3, requires_grad=True), EventLinear(channels, 3)
    events = placed([0, 1, 1], [0, 0, 1], [0, 1, 1], (2, 2, channels), value)
    layer(events).sum().backward()
    assert_close(value.grad, layer.weight.sum(0)[[0, 1, 1]])
    with pytest.raises(ValueError, match="value: events are data"):
        event_linear(layer.weight, None, events.step, events.row, events.channel, value, events.shape)
