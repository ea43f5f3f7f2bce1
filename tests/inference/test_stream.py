"""A recording in pieces gives the answer of the whole, after every piece."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import spikescan as ss
from spikescan.errors import InputError
from spikescan.inference.stream import PIECE


def pieces(events, cuts):
    ends = [0, *sorted(cuts), len(events[0])]
    return [(events[0][a:b], events[1][a:b]) for a, b in zip(ends, ends[1:])]  # noqa: RUF007


def close(found, expected):
    return found.probabilities == pytest.approx(expected.probabilities, abs=2e-6)


@pytest.mark.parametrize("neuron", ["spsn-gs", "lif", "spsn-sb"])
@pytest.mark.parametrize("mode", ["mean", "max", "last", "softmax-sum"])
@settings(max_examples=6)
@given(cuts=st.lists(st.integers(0, 250), max_size=5))
def test_every_chunking_gives_the_whole(trained, events, neuron, mode, cuts):
    model = ss.load(trained(neuron__name=neuron, loss__readout=mode))
    stream, seen = model.stream(seed=3), 0
    for times, channels in pieces(events, cuts):
        answer = stream.push_events(times, channels)
        seen += len(times)
        if seen:
            assert close(answer, model.predict_arrays(events[0][:seen], events[1][:seen], seed=3))
    assert stream.finish() == answer


def test_delays_and_the_silence_in_which_they_end(trained, events):
    """A stream hears as much silence behind its last event as a recording does."""
    name = {"neuron__name": "resonate-and-fire", "neuron__firing": "gumbel", "network__delays": "axonal"}
    model = ss.load(trained(data__tail=0.06, network__max_delay=0.1, **name))
    stream, seen = model.stream(seed=3), 0
    for times, channels in pieces(events, [40, 41, 180]):
        answer, seen = stream.push_events(times, channels), seen + len(times)
        assert close(answer, model.predict_arrays(events[0][:seen], events[1][:seen], seed=3))
    model._maker.tail = 0
    assert not close(model.stream(seed=3).push_events(*events), answer)


def test_one_event_at_a_time(model, events):
    stream = model.stream()
    for time, channel in zip(*events, strict=True):
        answer = stream.push_events([time], [channel])
    assert close(answer, model.predict_arrays(*events))
    assert stream.seconds == pytest.approx(events[0][-1])


def test_order_within_a_step_does_not_matter(model, events):
    stream = model.stream()
    inside = events[0] < 0.02
    for chosen in (inside, ~inside):
        times, channels = events[0][chosen][::-1], events[1][chosen][::-1]
        answer = stream.push_events(times, channels)
    assert close(answer, model.predict_arrays(*events))


def test_late_event_is_refused(model):
    stream = model.stream()
    stream.push_events([0.5], [1])
    with pytest.raises(InputError, match=r"an event at 0\.1 s comes too late"):
        stream.push_events([0.1], [1])


def test_long_silence_costs_no_memory(model, monkeypatch):
    """An hour without events is 360 000 steps: never held at once, and each is computed once."""
    run, steps = model.network.run, []

    def counted(events, state):
        steps.append(events.shape[0])
        return run(events, state)

    monkeypatch.setattr(model.network, "run", counted)
    stream = model.stream()
    stream.push_events([0.01], [1])
    stream.push_events([3600.0], [2])
    assert max(steps) == PIECE
    assert sum(steps) == 360_001 + 1  # the first event's step for its own answer, and again once it was over
    assert len(stream._steps) == 1


def test_nothing_yet(model):
    stream = model.stream()
    assert stream.answer is stream.push_events([], []) is stream.finish() is None


@pytest.mark.parametrize(
    ("times", "channels", "message"),
    [([0.1], [20], "channel 20"), ([-1.0], [0], "time -1"), ([0.1], [0.5], "integers"), ([0.1], [1, 2], "one axis")],
)
def test_bad_events(model, times, channels, message):
    with pytest.raises(InputError, match=message):
        model.stream().push_events(times, np.array(channels))


def test_what_cannot_be_streamed(trained, model):
    with pytest.raises(InputError, match="into 16 frames, which needs all of it"):
        ss.load(trained(neuron__name="mpe-psn")).stream()
    with pytest.raises(InputError, match="trained on events; push_events"):
        model.stream().push(np.zeros(4))
