"""Delays of events: those of the dense tensor, in evaluation as time stamps."""

from itertools import pairwise

import pytest
import torch
from event_cases import events_of
from tolerances import assert_close

import spikescan as ss
from spikescan.data.event_tensor import EventTensor
from spikescan.networks import EventLinear

SHAPE = 20, 4, 6
each_value = pytest.mark.parametrize("valued", [False, True])
each_lengths = pytest.mark.parametrize("lengths", [None, [20, 0, 7, 3]], ids=["whole", "padded"])


def dense(output) -> torch.Tensor:
    return output.dense() if isinstance(output, EventTensor) else output


def assert_rows_rise(events: EventTensor) -> None:
    assert (events.row.diff() >= 0).all()
    assert {events.step.dtype, events.row.dtype, events.channel.dtype} == {torch.int32}


@each_value
@each_lengths
@pytest.mark.parametrize("start", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_events_equal_the_dense_tensor(valued, lengths, start, training):
    delay, events = ss.AxonalDelay(6, 8e-3).train(training), events_of(SHAPE, 120, valued)
    lengths = None if lengths is None else torch.tensor(lengths)
    state = delay.run(events_of(SHAPE, 90).dense()).state if start else None
    found, expected = (delay.run(x, state, lengths=lengths) for x in (events, events.dense()))
    assert isinstance(found.output, EventTensor) != training
    assert_close(dense(found.output), expected.output)
    assert torch.equal(found.state.history, expected.state.history)
    if not training:
        assert_rows_rise(found.output)
        assert found.output.shape == SHAPE


@each_value
def test_chunks_of_events_equal_the_whole(valued):
    delay, events, state, parts = ss.AxonalDelay(6, 8e-3).eval(), events_of(SHAPE, 120, valued), None, []
    for part in events.split(3):
        output, state = delay.advance(part, state)
        assert_rows_rise(output)
        parts.append(output.dense())
    whole = delay.run(events)
    assert torch.equal(torch.cat(parts), whole.output.dense())
    assert torch.equal(state.history, whole.state.history)


def test_events_and_tensors_carry_the_same_state():
    delay, events, state, parts = ss.AxonalDelay(6, 8e-3).eval(), events_of(SHAPE, 120), None, []
    for k, (first, last) in enumerate(pairwise([0, 5, 10, 15, 20])):
        part = events.split(5)[k] if k % 2 else events.dense()[first:last]
        output, state = delay.advance(part, state)
        parts.append(dense(output))
    assert torch.equal(torch.cat(parts), delay(events).dense())


def test_in_training_the_delays_learn_from_events():
    delay, events, cotangent = ss.AxonalDelay(6, 8e-3, sigma=1.5), events_of(SHAPE, 120), torch.randn(SHAPE)
    found = [torch.autograd.grad(delay(x), delay.delay, cotangent)[0] for x in (events, events.dense())]
    assert torch.equal(*found)
    assert found[0].all()


def test_a_delay_before_a_layer_of_events():
    network, events = torch.nn.Sequential(ss.AxonalDelay(6, 8e-3), EventLinear(6, 3)), events_of(SHAPE, 50)
    for training in (True, False):
        network.train(training)
        assert_close(network(events), network(events.dense()))


def test_values_that_are_learned_get_their_gradient():
    delay, events = ss.AxonalDelay(6, 8e-3).eval(), events_of(SHAPE, 60, valued=True)
    events.value.requires_grad_()
    (gradient,) = torch.autograd.grad(dense(delay(events)).sum(), events.value)
    kept = events.step + delay.rounded(delay.delay)[events.channel.long()] < 20
    assert torch.equal(gradient, kept.float())


@pytest.mark.parametrize(
    ("error", "argument", "x", "options"),
    [
        (ValueError, "features", events_of((5, 2, 4), 9), {}),
        (TypeError, "x", "events", {}),
        (ValueError, "lengths", events_of((5, 2, 6), 9), {"lengths": torch.tensor([1, 2, 3])}),
        (ValueError, "state.history", events_of((5, 2, 6), 9), {"state": ss.DelayState(torch.zeros(8, 3, 6))}),
    ],
)
def test_bad_calls_are_named(error, argument, x, options):
    with pytest.raises(error, match=rf"^{argument}:"):
        ss.AxonalDelay(6, 8e-3).eval().run(x, **options)
