"""A network in chunks: the whole's values, draws and gradients."""

import pytest
import torch
from tolerances import assert_close
from torch.utils._pytree import tree_leaves

import spikescan as ss
from spikescan.bench import peak
from spikescan.networks import SpikingMLP


def network(neuron=ss.SPSN) -> SpikingMLP:
    return SpikingMLP(10, (8, 7), 4, neuron=neuron).double()


def counts(steps: int = 30) -> torch.Tensor:
    return torch.poisson(torch.full((steps, 3, 10), 0.4, dtype=torch.float64))


@pytest.mark.parametrize("neuron", [ss.SPSN, ss.LIF, ss.MPEPSN, lambda: ss.MPEPSN(30)])
@pytest.mark.parametrize("chunk", [1, 7, 29, 30, 100])
def test_run_equals_the_whole(neuron, chunk):
    net, x = network(neuron), counts()
    runs = [
        runner.run(x, net.initial_state(5) if steps else None, seed=None if steps else 5, potentials=True)
        for runner, steps in ((ss.chunked(net, chunk), False), (net, True))
    ]
    found, expected = runs
    assert_close(found.readout, expected.readout)
    losses = []
    for out in runs:
        loss = out.readout.square().mean() + sum(layer.spikes.mean() for layer in out.layers)
        losses.append(loss + sum(layer.estimation_loss for layer in out.layers if layer.estimation_loss is not None))
    assert_close(*losses)
    for a, b in zip(*(torch.autograd.grad(loss, list(net.parameters())) for loss in losses), strict=True):
        assert_close(a, b)
    for a, b in zip(found.layers, expected.layers, strict=True):
        assert torch.equal(a.spikes, b.spikes)
        assert_close(a.potential, b.potential)
    assert torch.equal(found.state.layers[0].step, expected.state.layers[0].step)


def floating(state: ss.NetworkState) -> list[torch.Tensor]:
    return [value for value in tree_leaves(state) if value is not None and value.is_floating_point()]


FIRE_OFTEN = {
    "spsn": ss.SPSN,
    "lif": lambda: ss.LIF(5e-3, 5e-3, threshold=0.1),
    "mpe": lambda: ss.MPEPSN(30, threshold=0.1),
}


@pytest.mark.parametrize("neuron", FIRE_OFTEN.values(), ids=FIRE_OFTEN)
@pytest.mark.parametrize("chunk", [1, 7, 20])
def test_gradients_of_the_input_and_of_the_state_before(neuron, chunk):
    """An earlier piece's state is not detached: through it the loss reaches that piece's input as well."""
    net, x = network(neuron), counts().requires_grad_()
    before = net.run(x[:10], net.initial_state(5)).state
    states, found = floating(before), []
    for runner in (ss.chunked(net, chunk), net):
        out = runner.run(x[10:], before, potentials=True)
        loss = out.readout.square().sum() + sum(end.square().sum() for end in floating(out.state))
        loss = loss + sum(layer.spikes.mean() + layer.potential.square().mean() for layer in out.layers)
        loss = loss + sum(layer.estimation_loss for layer in out.layers if layer.estimation_loss is not None)
        found.append(torch.autograd.grad(loss, [x, *states], retain_graph=True))
    for mine, expected in zip(*found, strict=True):
        assert expected.any()
        assert_close(mine, expected)
    assert found[1][0].flatten(1).any(1).all()  # of each step


@pytest.mark.parametrize("chunk", [4, 30])
def test_padding(chunk):
    net, x, lengths = network(), counts(), torch.tensor([0, 30, 11])
    found = ss.chunked(net, chunk).run(x, seed=5, lengths=lengths)
    expected = net.run(x, seed=5, lengths=lengths)
    assert_close(found.readout, expected.readout)
    assert_close(found.state.readout.potential, expected.state.readout.potential)


def test_accumulate():
    net, x = network(), counts()
    totals, state = ss.chunked(net, 8).accumulate(
        x, lambda out, first: {"readout": out.readout.sum(0), "firsts": torch.tensor(first)}, seed=5
    )
    whole = net.run(x, seed=5)
    assert_close(totals["readout"], whole.readout.sum(0))
    assert totals["firsts"].item() == 0 + 8 + 16 + 24
    assert int(state.layers[0].step) == 30
    gradients = [
        torch.autograd.grad(v.square().sum(), net.linears[0].weight) for v in (totals["readout"], whole.readout.sum(0))
    ]
    assert_close(gradients[0][0], gradients[1][0])


def test_seeds_and_errors():
    net, x = network(), counts()
    long = ss.chunked(net, 8)
    torch.manual_seed(2)
    first = long(x)
    torch.manual_seed(2)
    assert torch.equal(long(x), first)
    assert torch.equal(long(x, seed=5), long.run(x, seed=5).readout)
    with pytest.raises(ValueError, match=r"^chunk"):
        ss.chunked(net, 0)
    with pytest.raises(TypeError, match=r"^chunk: .* found float"):
        ss.chunked(net, 2.5)
    with pytest.raises(TypeError, match=r"^network: .* found SPSN; .*advance"):
        ss.chunked(ss.SPSN(), 5)
    with pytest.raises(ValueError, match=r"^lengths: 0 to 30 steps are there, found 3 to 99"):
        long.run(x, lengths=torch.tensor([99, 30, 3]))
    with pytest.raises(ValueError, match=r"^seed"):
        long.run(x, net.initial_state(5), seed=5)


def test_the_estimation_loss_is_over_the_whole_sequence():
    net = network(lambda: ss.MPEPSN(30))
    with pytest.raises(ValueError, match=r"^current: 20 steps, but .* is over 30"):
        ss.chunked(net, 10).run(counts(20), seed=5)
    first = ss.chunked(net, 5).run(counts(20), net.initial_state(5))
    assert ss.chunked(net, 5).run(counts(10), first.state).layers[0].estimation_loss is not None


def test_batch_statistics_are_taken_in_once():
    """Computing a chunk again for the backward pass is no second batch to the running statistics."""
    once, again = (SpikingMLP(10, (8,), 4, norm=True) for _ in range(2))
    again.load_state_dict(once.state_dict())
    x = counts().float()
    first = once.run(x[:15], seed=5)
    once.run(x[15:], first.state)
    ss.chunked(again, 15).run(x, seed=5).readout.sum().backward()
    assert_close(again.norms[0].running_mean, once.norms[0].running_mean)
    assert_close(again.norms[0].running_var, once.norms[0].running_var)


def test_one_chunk_is_not_computed_again(monkeypatch):
    net, calls = network(), []
    run = net.run
    monkeypatch.setattr(net, "run", lambda *args, **options: calls.append(1) or run(*args, **options))
    for chunk, times in ((30, 1), (15, 4)):
        calls.clear()
        ss.chunked(net, chunk).run(counts(), seed=5).readout.sum().backward()
        assert len(calls) == times


def test_activation_memory_does_not_grow_with_time():
    """What autograd keeps between the passes: a few states for each chunk, and no activations."""
    net = network()

    def kept(steps: int) -> int:
        sizes = []
        x = counts(steps)
        with torch.autograd.graph.saved_tensors_hooks(lambda t: sizes.append(t.numel()) or t, lambda t: t):
            ss.chunked(net, steps // 4).accumulate(x, lambda out, _: out.readout.sum(0), seed=5)[0].sum()
        return sum(sizes) - sum(piece.numel() for piece in (x,))

    assert kept(4000) < kept(400) + 40_000


@pytest.mark.skipif(not peak.CLEAR.exists(), reason="the peak is read from Linux's /proc")
def test_the_process_does_not_grow_with_the_sequence():
    """Of each chunk a little lives on, which must not keep the next one's arrays from the memory of the last one's. (It
    grew by 1.36 to 1.5 where no state was copied and no memory returned, and grows by 0.98 to 1.18. Where freed memory
    is kept, either process has 190 to 290 MB, by where its first arrays happen to lie.)"""
    jobs = [peak.Job("chunked", chunks * 1000, rows=64, neurons=128, layers=1) for chunks in (8, 64)]
    few, many = (peak.in_process(job, {"SPIKESCAN_KEEP_FREED_MEMORY": "0"}) for job in jobs)
    assert many < 1.3 * few, f"{few / 1e6:.0f} MB became {many / 1e6:.0f} MB"


def test_a_network_without_parameters():
    """Where it starts from a state, nothing asks for a device of its own."""

    class Still(torch.nn.Module):
        def run(self, x, state, **options):
            return ss.NetworkOutput(2 * x, (), state)

        def initial_state(self, seed):
            return ss.NetworkState((), None)

    x = counts()
    total, _ = ss.chunked(Still(), 1).accumulate(x, lambda out, _: out.readout.sum(0), ss.NetworkState((), None))
    assert_close(total, 2 * x.sum(0))


def test_two_backward_passes_through_one_run():
    """What is kept of a chunk is computed again for each."""
    net, x = network(), counts()
    out, parameters = ss.chunked(net, 7).run(x, seed=5), list(net.parameters())
    losses = out.readout.square().mean(), out.layers[0].spikes.mean() + out.readout.sum(), out.readout.square().mean()
    first, second, third = (torch.autograd.grad(loss, parameters, retain_graph=k < 2) for k, loss in enumerate(losses))
    assert all(torch.equal(a, b) for a, b in zip(first, third, strict=True))
    assert not torch.equal(first[0], second[0])


@pytest.mark.parametrize("momentum", [None, 0.1])
def test_norms_count_each_chunk_once(momentum):
    class Normed(SpikingMLP):
        def __init__(self):
            super().__init__(10, (8,), 4)
            self.first = torch.nn.BatchNorm1d(10, momentum=momentum)

        def run(self, x, *state, **options):
            return super().run(self.first(x.flatten(0, 1)).view_as(x), *state, **options)

    net = Normed()
    out = ss.chunked(net, 7).run(counts(28).float(), seed=5)
    before = [value.clone() for value in net.first.buffers()]
    out.readout.sum().backward()
    assert net.first.num_batches_tracked == 4
    assert all(torch.equal(a, b) for a, b in zip(net.first.buffers(), before, strict=True))
