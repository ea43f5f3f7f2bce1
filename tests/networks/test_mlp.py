"""SpikingMLP: its layers by hand, initialisation, seeds, chunks, padding."""

import math

import pytest
import torch
from tolerances import assert_close
from torch import nn

import spikescan as ss
from spikescan.networks import SpikingMLP
from spikescan.networks._dropout import SequenceDropout

NEURONS = {
    "sb": ss.SPSN,
    "gs": lambda: ss.SPSN(firing="gumbel"),
    "lif": lambda: ss.LIF(5e-3, 5e-3, threshold=0.3),
    "mpe": ss.MPEPSN,
    "relu": ss.ReLU,
}
each_neuron = pytest.mark.parametrize("neuron", NEURONS)
each_norm = pytest.mark.parametrize("norm", [False, True])


def network(neuron: str = "sb", **options) -> SpikingMLP:
    return SpikingMLP(10, (8, 7), 4, neuron=NEURONS[neuron], **options).double()


def counts(steps: int, rows: int) -> torch.Tensor:
    return torch.poisson(torch.full((steps, rows, 10), 0.4, dtype=torch.float64))


@each_neuron
def test_layers_by_hand(neuron):
    net, x = network(neuron), counts(30, 3)
    out = net.run(x, seed=7, potentials=True)
    here = x
    for k, layer in enumerate(out.layers):
        current = net.linears[k](here)
        expected = net.neurons[k].run(current, seed=ss.random.fold(7, k), potentials=True)
        assert torch.equal(layer.spikes, expected.spikes)
        assert torch.equal(layer.potential, expected.potential)
        here = layer.spikes
    readout = net.readout(net.output(here))
    assert torch.equal(out.readout, readout)
    assert torch.equal(net(x, seed=7), readout)
    assert out.readout.shape == (30, 3, 4)


def test_published_initialisation():
    net = SpikingMLP(700)
    assert [tuple(layer.weight.shape) for layer in net.linears] == [(128, 700), (128, 128), (128, 128)]
    for layer in [*net.linears, net.output]:
        bound = math.sqrt(3 / layer.in_features)
        assert 0.97 * bound < layer.weight.abs().max() <= bound
        assert layer.weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.05)
        assert not layer.bias.any()
    assert isinstance(net.readout, ss.LeakyIntegrator)
    assert net.output.out_features == 20


def test_non_spiking_baseline():
    torch.manual_seed(3)
    net = SpikingMLP(10, (8, 7), 4, neuron=ss.ReLU, readout=None, init="torch")
    torch.manual_seed(3)
    plain = nn.Sequential(nn.Linear(10, 8), nn.ReLU(), nn.Linear(8, 7), nn.ReLU(), nn.Linear(7, 4))
    x = counts(9, 2).float()
    assert torch.equal(net(x), plain(x))
    assert net.run(x).state.readout is None
    padded = net.run(x, lengths=torch.tensor([9, 4]), potentials=True)
    assert all(not value[4:, 1].any() for layer in padded.layers for value in (layer.spikes, layer.potential))


def test_names_in_the_state_dict():
    assert sorted(network(norm=True).state_dict()) == sorted(
        [f"linears.{k}.weight" for k in (0, 1)]
        + [f"norms.{k}.{name}" for k in (0, 1) for name in ("weight", "bias", "running_mean", "running_var")]
        + ["output.weight", "output.bias"]
    )
    assert sorted(network(bias=False).state_dict()) == ["linears.0.weight", "linears.1.weight", "output.weight"]


@each_neuron
@each_norm
@pytest.mark.parametrize("cuts", [[1], [13], [5, 6, 29]])
def test_chunks_equal_the_whole(neuron, norm, cuts):
    net, x = network(neuron, norm=norm).eval(), counts(30, 3).requires_grad_()
    whole = net.run(x, seed=7)
    state, parts = None, []
    for first, last in zip([0, *cuts], [*cuts, 30], strict=True):
        parts.append(net.run(x[first:last], state, seed=None if state else 7))
        state = parts[-1].state
    readout = torch.cat([part.readout for part in parts])
    assert_close(readout, whole.readout)
    for k, layer in enumerate(whole.layers):
        assert_close(torch.cat([part.layers[k].spikes for part in parts]), layer.spikes)
    inputs = [x, *net.parameters()]
    cotangent = torch.randn_like(readout)
    pairs = zip(*(torch.autograd.grad(v, inputs, cotangent) for v in (readout, whole.readout)), strict=True)
    for found, expected in pairs:
        assert_close(found, expected)


@each_neuron
@each_norm
def test_padding_changes_nothing(neuron, norm):
    """A sample alone and the same sample in a padded batch, whatever stands in the padding."""
    net, x = network(neuron, norm=norm).eval(), counts(30, 3)
    lengths = torch.tensor([17, 30, 0])
    alone = net.run(x[:17, :1], seed=7)
    runs = []
    for garbage in (0.0, 1e3):
        x[17:, 0] = x[:, 2] = garbage
        net.zero_grad()
        out = net.run(x, seed=7, lengths=lengths, potentials=True)
        out.readout.square().sum().backward()
        runs.append((out, [parameter.grad.clone() for parameter in net.parameters()]))
        assert_close(out.readout[:17, :1], alone.readout)
        assert not out.readout[17:, 0].any()
        for layer, single in zip(out.layers, alone.layers, strict=True):
            assert torch.equal(layer.spikes[:17, :1], single.spikes)
            assert not layer.spikes[17:, 0].any()
            assert not layer.spikes[:, 2].any()
            assert not layer.potential[17:, 0].any()
        assert_close(out.state.readout.potential[0], alone.state.readout.potential[0])
    assert torch.equal(runs[0][0].readout, runs[1][0].readout)
    for a, b in zip(runs[0][1], runs[1][1], strict=True):
        assert_close(a, b)


def test_padding_enters_no_statistic():
    """In training, where batch normalisation takes its statistics from the batch."""
    lengths, runs = torch.tensor([17, 30, 0]), []
    x, weights = counts(30, 3), network(norm=True).state_dict()
    for garbage in (0.0, 1e3):
        net = network(norm=True)
        net.load_state_dict(weights)
        x[17:, 0] = x[:, 2] = garbage
        out = net.run(x, seed=7, lengths=lengths)
        runs.append((out.readout, *(value for name, value in net.state_dict().items() if "running" in name)))
    assert len(runs[0]) == 5
    assert runs[0][1].any()
    for clean, padded in zip(*runs, strict=True):
        assert_close(padded, clean)


@pytest.mark.parametrize("readout", [None, ss.LeakyIntegrator])
def test_padded_steps_of_the_readout_are_zero(readout):
    net, lengths = network(readout=readout), torch.tensor([4, 9, 0])
    with torch.no_grad():
        net.output.bias.fill_(1.0)
    out = net.run(counts(9, 3), seed=7, lengths=lengths).readout
    for row, length in enumerate(lengths.tolist()):
        assert out[:length, row].all()
        assert not out[length:, row].any()


def test_seeds():
    net, x = network("gs"), counts(30, 3)
    assert torch.equal(net(x, seed=7), net(x, torch.tensor(7)))
    assert not torch.equal(net(x, seed=7), net(x, seed=8))
    assert not torch.equal(net(x), net(x))
    torch.manual_seed(5)
    first = net(x)
    torch.manual_seed(5)
    assert torch.equal(net(x), first)
    with pytest.raises(ValueError, match=r"^seed: the state already carries one"):
        net.run(x, net.run(x, seed=7).state, seed=7)
    before = torch.get_rng_state()
    net.run(x, net.run(x, seed=7).state)
    assert torch.equal(torch.get_rng_state(), before)  # takes no seed where it has one
    same = SpikingMLP(8, (8, 8), 4, init="torch").double()
    for layer in same.linears:
        nn.init.eye_(layer.weight)
        nn.init.zeros_(layer.bias)
    a, b = same.run(torch.zeros(50, 3, 8, dtype=torch.float64), seed=7).layers
    assert 0.3 < (a.spikes == b.spikes).double().mean() < 0.7  # each layer draws its own


def test_dropout_is_for_training():
    net, x = network("lif", dropout=0.5), counts(30, 3)
    assert torch.equal(net(x, seed=7), net(x, seed=7))
    assert not torch.equal(net(x, seed=7), net(x, seed=8))
    net.eval()
    assert torch.equal(net(x, seed=7), net(x, seed=8))


@pytest.mark.parametrize("p", [0.0, 0.3, 0.9])
def test_dropout_drops_and_scales(p):
    x = torch.full((200, 10, 20), 2.0)
    out = SequenceDropout(p)(x, 5)
    dropped = (out == 0).float().mean().item()
    assert dropped == pytest.approx(p, abs=5 * (p * (1 - p) / x.numel()) ** 0.5)
    assert_close(out[out != 0], torch.full_like(out[out != 0], 2 / (1 - p)))
    parts = [SequenceDropout(p)(x[:70], 5), SequenceDropout(p)(x[70:], torch.tensor(5), 70)]
    assert torch.equal(torch.cat(parts), out)


def test_dropout_is_the_same_in_chunks():
    net, x = network("gs", dropout=0.4), counts(30, 3)
    whole = net.run(x, seed=7)
    assert_close(ss.chunked(net, 7).run(x, seed=7).readout, whole.readout)
    first = net.run(x[:11], seed=7)
    assert_close(net.run(x[11:], first.state).readout, whole.readout[11:])
    with pytest.raises(ValueError, match=r"^state\.seed: dropout needs the network's"):
        net.run(x[11:], first.state._replace(seed=None))


def test_bad_options():
    with pytest.raises(ValueError, match="init"):
        network(init="zeros")
    with pytest.raises(ValueError, match=r"^lengths"):
        network().run(counts(9, 2), lengths=torch.tensor([1, 2, 3]))
    for name in ("neuron", "readout"):
        with pytest.raises(TypeError, match=rf"^{name}: a function that makes neurons .* found SPSN"):
            SpikingMLP(10, **{name: ss.SPSN()})


def test_compiles_without_a_graph_break():
    torch._dynamo.reset()
    net, x = network("sb"), counts(12, 3)
    compiled = torch.compile(lambda x, seed: net(x, seed), fullgraph=True, backend="aot_eager")
    assert_close(compiled(x, torch.tensor(7)), net(x, seed=7))
    compiled(x, torch.tensor(7)).sum().backward()
    assert all(parameter.grad is not None for parameter in net.parameters())
    torch._dynamo.reset()
