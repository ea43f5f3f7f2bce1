"""Neurons whose spikes are of another type than the weights, inside a network."""

import pytest
import torch
from nets import NETS, counts, each_net
from tolerances import TOLERANCE, assert_close

import spikescan as ss
from spikescan.networks import SpikingMLP

WHOLE, HALF = (torch.uint8, torch.bool), (torch.float16, torch.bfloat16)


def mlp(spike_dtype: torch.dtype | None, neuron=ss.SPSN, **options) -> SpikingMLP:
    torch.manual_seed(3)
    return SpikingMLP(10, (8, 7), 4, lambda: neuron(spike_dtype=spike_dtype), **options)


def x() -> torch.Tensor:
    return torch.poisson(torch.full((30, 3, 10), 0.4))


@pytest.mark.parametrize("dtype", WHOLE + HALF)
@pytest.mark.parametrize("neuron", [ss.SPSN, ss.LIF])
@pytest.mark.parametrize("norm", [False, True])
def test_a_network_answers_the_same(dtype, neuron, norm):
    net, plain, counts = mlp(dtype, neuron, norm=norm).eval(), mlp(None, neuron, norm=norm).eval(), x()
    with torch.no_grad():
        out, expected = (each.run(counts, seed=7) for each in (net, plain))
        whole = ss.chunked(net, 7).run(counts, seed=7)
    assert torch.equal(out.readout, expected.readout)
    assert_close(whole.readout, expected.readout)
    for layer, other, chunked in zip(out.layers, expected.layers, whole.layers, strict=True):
        assert layer.spikes.dtype == chunked.spikes.dtype == dtype
        assert other.spikes.any()
        assert torch.equal(layer.spikes, other.spikes.to(dtype))
        assert torch.equal(layer.spikes, chunked.spikes)


@each_net
def test_so_does_a_convolutional_one(net):
    torch.manual_seed(3)
    made, frames = NETS[net](lambda: ss.SPSN(spike_dtype=torch.uint8)).eval(), counts().float()
    with torch.no_grad():
        out = made.run(frames, seed=7)
        for neuron in made.neurons:
            neuron.spike_dtype = None
        assert torch.equal(out.readout, made.run(frames, seed=7).readout)
    assert {layer.spikes.dtype for layer in out.layers} == {torch.uint8}


@pytest.mark.parametrize("dtype", HALF)
def test_half_precision_trains(dtype):
    """Gradients pass through the spikes, rounded as they are."""
    found = {}
    for spike_dtype in (dtype, None):
        net = mlp(spike_dtype, dropout=0.3)
        torch.manual_seed(5)
        net.run(x(), seed=7).readout.square().sum().backward()
        found[spike_dtype] = {name: parameter.grad for name, parameter in net.named_parameters()}
    for name, expected in found[None].items():
        assert expected.any()
        assert_close(found[dtype][name], expected, name, tolerance=4 * TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", WHOLE + HALF)
def test_under_autocast(dtype):
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        out, expected = (mlp(kind).run(x(), seed=7) for kind in (dtype, None))
    assert {layer.spikes.dtype for layer in out.layers} == {dtype}
    assert torch.equal(out.readout, expected.readout)


@pytest.mark.parametrize("dtype", WHOLE)
def test_whole_numbers_cannot_be_trained_through(dtype):
    with pytest.raises(ValueError, match=r"^spike_dtype: .*carries no gradient"):
        mlp(dtype).run(x(), seed=7)
