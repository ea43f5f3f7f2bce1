"""With learned decays the backward pass has the current alone, and computes the rest again, a few steps at a time."""

import pytest
import torch
from agreement import assert_agree

import spikescan as ss
from spikescan import firing, memory
from spikescan.bench import peak
from spikescan.fused._native import MARK
from spikescan.scan import _native

NEURONS = {
    "li": ss.LeakyIntegrator,
    "lif": ss.LIF,
    "lif soft": lambda **o: ss.LIF(reset="soft", detach_reset=False, **o),
    **{name: lambda name=name, **o: ss.SPSN(8e-3, 5e-3, firing=name, **o) for name in firing.FIRINGS},
}
each_neuron = pytest.mark.parametrize("name", NEURONS)


def learned(name: str, features: int) -> ss.Neuron:
    return NEURONS[name](learn_tau=True, features=features)


@each_neuron
@pytest.mark.parametrize("steps", [1, MARK - 1, MARK, MARK + 1, 2 * MARK + 1])
def test_lengths_of_time(name, steps):
    assert_agree(learned(name, 5), torch.randn(steps, 3, 5, dtype=torch.float64) * 2 + 0.3)


@each_neuron
def test_padding_is_not_looked_at(name):
    lengths = torch.tensor([0, 1, MARK - 1, MARK, MARK + 1, 2 * MARK + 1])
    steps, neuron = int(lengths.max()), learned(name, 5)
    x = torch.randn(steps, len(lengths), 5)
    assert_agree(neuron, x, lengths=lengths)
    beyond = torch.arange(steps)[:, None, None] >= lengths[:, None]
    found = []
    for value in (0.0, float("nan")):
        y = x.masked_fill(beyond, value).requires_grad_()
        out = neuron.run(y, seed=1, lengths=lengths)
        sequence = out.potential if out.spikes is None else out.spikes
        total = sequence.square().sum() + out.state.potential.sum()
        found.append(torch.autograd.grad(total, [y, *neuron.parameters()]))
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["li", "bernoulli", "threshold", "delta"])
def test_what_is_not_finite_reaches_the_gradients_of_later_spans(name, value, monkeypatch):
    neuron, x = learned(name, 3), torch.randn(9001, 1, 3)
    x[100, 0, 1] = value
    cotangent = torch.randn_like(x)

    def gradients():
        y = x.clone().requires_grad_()
        out = neuron.run(y, seed=1)
        sequence = out.potential if out.spikes is None else out.spikes
        return torch.autograd.grad((sequence * cotangent).sum(), [y, *neuron.parameters()])

    cut = gradients()
    monkeypatch.setattr(_native, "LONG", 10**9)
    for found, expected in zip(cut, gradients(), strict=True):
        assert torch.equal(found.isnan(), expected.isnan())
        torch.testing.assert_close(found, expected, equal_nan=True, rtol=1e-4, atol=1e-4)


def growth_of_backward() -> float:
    """By how much a process grows in the backward pass, in sizes of the current."""
    neuron = ss.LIF(learn_tau=True, features=512)
    neuron(torch.randn(3, 8, 512, requires_grad=True)).sum().backward()
    for _ in range(2):  # the first time, a fixed amount comes on top
        x = torch.randn(4000, 8, 512, requires_grad=True)
        spikes, cotangent = neuron(x), torch.ones(4000, 8, 512)
        before = peak._status("VmRSS")
        peak.CLEAR.write_text("5")
        spikes.backward(cotangent)
        grown = peak._status("VmHWM") - before
    return grown / x.nbytes


@pytest.mark.skipif(not peak.CLEAR.exists(), reason="the peak is read from Linux's /proc")
def test_backward_makes_no_sequence_but_the_gradient(forks):
    job = forks(growth_of_backward, **{memory.KEEP: "0"})  # else freed memory is taken again, and the peak is no higher
    assert (job.raised, job.ended) == (None, 0), job.said
    assert 0.9 < job.results < 1.3
