"""SpikingMLP with delays, residual connections and neurons of its own in each layer."""

from functools import partial

import pytest
import torch
from tolerances import assert_close

import spikescan as ss
from spikescan.data.event_tensor import EventTensor
from spikescan.delays import AxonalDelay
from spikescan.networks import SpikingMLP

DELAY = partial(AxonalDelay, max_delay=6e-3, dt=1e-3)


def network(**options) -> SpikingMLP:
    neuron = partial(ss.ResonateAndFire, 8e-3, 60.0, input_gain="unit", threshold=0.1)
    return SpikingMLP(10, (8, 8), 4, neuron=neuron, **{"delay": DELAY} | options).double()


def counts(steps: int = 30, rows: int = 3) -> torch.Tensor:
    return torch.poisson(torch.full((steps, rows, 10), 0.4, dtype=torch.float64))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("residual", [True, False])
def test_layers_by_hand(training, residual):
    net, x = network(residual=residual).train(training), counts()
    out = net.run(x, seed=7)
    here, before = x, None
    for k, layer in enumerate(out.layers):
        spikes = net.neurons[k](net.linears[k](net.delays[k](here)))
        assert torch.equal(layer.spikes, spikes)
        assert layer.spikes.any()
        here = spikes if before is None or not residual else spikes + before
        before = here
    assert torch.equal(out.readout, net.readout(net.output(net.delays[2](here))))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("residual", [True, False])
def test_chunks_equal_the_whole(training, residual):
    """Chunks shorter than the longest delay as well."""
    net, x = network(residual=residual).train(training), counts().requires_grad_()
    inputs = [x, *net.parameters()]
    runs = [net.run(x, seed=7), *(ss.chunked(net, chunk).run(x, seed=7) for chunk in (1, 4, 13))]
    cotangent = torch.randn_like(runs[0].readout)
    whole, *others = (
        torch.autograd.grad(run.readout, inputs, cotangent, allow_unused=True, materialize_grads=True) for run in runs
    )
    for run, found in zip(runs[1:], others, strict=True):
        assert_close(run.readout, runs[0].readout)
        for a, b in zip(found, whole, strict=True):
            assert_close(a, b)


def test_delays_learn_in_training_alone():
    net, x = network(), counts()
    delays = [module.delay for module in net.delays]
    for gradient in torch.autograd.grad(net(x, seed=1).square().sum(), delays):
        assert gradient.abs().min() > 0
    net.eval()
    gradients = torch.autograd.grad(net(x, seed=1).square().sum(), delays, allow_unused=True)
    assert all(gradient is None for gradient in gradients)


@pytest.mark.parametrize("training", [True, False])
def test_padding_changes_nothing(training):
    net, x = network().train(training), counts()
    lengths = torch.tensor([17, 30, 0])
    alone = net.run(x[:17, :1], seed=7)
    for garbage in (0.0, 1e3, torch.nan):
        x[17:, 0] = x[:, 2] = garbage
        out = net.run(x, seed=7, lengths=lengths)
        assert_close(out.readout[:17, :1], alone.readout)
        assert not out.readout[17:, 0].any()
        for found, expected in zip(out.state.delays, alone.state.delays, strict=True):
            assert_close(found.history[:, :1], expected.history)


def test_events_are_delayed_as_the_dense_tensor_is():
    net, x = network().eval(), counts()
    row, step, channel = (place.to(torch.int32) for place in x.permute(1, 0, 2).nonzero().unbind(1))
    value = x[step.long(), row.long(), channel.long()]
    events = EventTensor(step, row, channel, tuple(x.shape), value)
    out, expected = net.run(events, seed=3), net.run(x, seed=3)
    assert_close(out.readout, expected.readout)
    pieces = events.split(11)
    state, readouts = net.initial_state(3), []
    for piece in pieces:
        part = net.run(piece, state)
        readouts.append(part.readout)
        state = part.state
    assert_close(torch.cat(readouts), expected.readout)


def test_the_state_is_saved_moved_and_cut(tmp_path):
    net, x = network(), counts()
    state = net.run(x, seed=1).state
    torch.save(state.detach().to("cpu"), tmp_path / "state.pt")
    again = torch.load(tmp_path / "state.pt")
    assert_close(net.run(x, again).readout, net.run(x, state).readout)
    assert not any(delay.history.requires_grad for delay in state.detach().delays)


def test_a_function_for_each_layer():
    kinds = [ss.LIF, partial(ss.ResonateAndFire, 5e-3, 100.0), ss.AdaptiveLIF]
    net = SpikingMLP(10, (8, 7, 6), 4, neuron=kinds)
    assert [type(neuron) for neuron in net.neurons] == [ss.LIF, ss.ResonateAndFire, ss.AdaptiveLIF]
    with pytest.raises(ValueError, match="neuron: one function for each of 2 hidden layers is needed, found 3"):
        SpikingMLP(10, (8, 7), 4, neuron=kinds)
    with pytest.raises(TypeError, match="delay: a function that makes delays is needed"):
        SpikingMLP(10, (8, 7), 4, delay=DELAY(10))
