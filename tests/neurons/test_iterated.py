"""LIF by iterated scans: the sequential neuron's values and gradients where its residual is 0."""

import pytest
import torch
from tolerances import assert_close

import spikescan as ss

T, B, N = 40, 3, 5
NEURONS = {
    "hard": lambda **o: ss.LIF(8e-3, 5e-3, threshold=0.3, **o),
    "soft": lambda **o: ss.LIF(8e-3, None, threshold=0.3, reset="soft", input_gain="unit", **o),
    "learned": lambda **o: ss.LIF(8e-3, 5e-3, learn_tau=True, learn_threshold=True, features=N, **o),
}
each_neuron = pytest.mark.parametrize("kind", NEURONS)


def current(scale: float = 3.0) -> torch.Tensor:
    return (scale * torch.randn(T, B, N, dtype=torch.float64)).requires_grad_()


@each_neuron
@pytest.mark.parametrize("lengths", [None, torch.tensor([40, 17, 0])])
def test_enough_iterations_give_the_sequential_neuron(kind, lengths):
    neuron, x = NEURONS[kind](), current()
    before = neuron.run(current(), lengths=lengths).state.detach()
    found = ss.iterated_lif(neuron, x, before, iterations=T, lengths=lengths)
    expected = neuron.run(x, before, lengths=lengths, potentials=True)
    assert found.residual == 0
    assert torch.equal(found.output.spikes, expected.spikes)
    assert expected.spikes.sum() > 20
    assert_close(found.output.potential, expected.potential)
    assert_close(found.output.state.potential, expected.state.potential)
    assert torch.equal(found.output.state.step, expected.state.step)
    parameters = [x, *neuron.parameters()]
    losses = ((out.spikes * torch.arange(N)).sum() + out.potential.square().sum() for out in (found.output, expected))
    for a, b in zip(*(torch.autograd.grad(loss, parameters) for loss in losses), strict=True):
        assert_close(a, b)


@each_neuron
def test_the_residual_says_where_it_is_not_yet_there(kind):
    neuron, x = NEURONS[kind](), current()
    expected = neuron(x)
    shares = []
    for iterations in (1, 2, 3, 5, 9, 20, T):
        found = ss.iterated_lif(neuron, x, iterations=iterations)
        shares.append(float(found.residual))
        assert (found.residual == 0) <= torch.equal(found.output.spikes, expected)
    assert shares[0] > 0.05
    assert shares[-1] == 0
    assert shares[3] < shares[0] / 2


@each_neuron
def test_each_iteration_settles_one_more_step_at_least(kind):
    neuron, x = NEURONS[kind](), current()
    expected = neuron(x)
    for iterations in (1, 2, 7):
        found = ss.iterated_lif(neuron, x, iterations=iterations).output.spikes
        assert torch.equal(found[:iterations], expected[:iterations])
        silent = expected.cumsum(0) - expected == 0  # up to the first spike
        assert torch.equal(found[silent], expected[silent])


def test_bad_arguments():
    x = current()
    with pytest.raises(TypeError, match="neuron: a LIF is needed, found SPSN"):
        ss.iterated_lif(ss.SPSN(), x)
    with pytest.raises(ValueError, match="neuron: its reset carries a gradient"):
        ss.iterated_lif(ss.LIF(detach_reset=False), x)
    with pytest.raises(ValueError, match="iterations: a whole number from 1 on is needed, found 0"):
        ss.iterated_lif(ss.LIF(), x, iterations=0)
    with pytest.raises(TypeError, match="current: a floating-point tensor is needed"):
        ss.iterated_lif(ss.LIF(), x.long())
