"""Few lanes and a long time: the kernels cut time into spans. What they give is what one span gives."""

import math

import pytest
import torch
from helpers import name

import spikescan as ss
from spikescan.scan import _native

T = 9001
NEURONS = {
    "li": lambda n: ss.LeakyIntegrator(),
    "bernoulli": lambda n: ss.SPSN(),
    "bernoulli, half": lambda n: ss.SPSN(memory="half"),
    "gumbel without synapse": lambda n: ss.SPSN(tau_syn=None, firing="gumbel"),
    "delta": lambda n: ss.SPSN(firing="delta", threshold=0.1),
    "learned": lambda n: ss.SPSN(firing="threshold", learn_tau=True, learn_threshold=True, features=n),
    "one equal leak and a slower": lambda n: ss.SPSN(tau_mem=60e-3),
}

pytestmark = pytest.mark.usefixtures("two_threads")


@pytest.fixture
def one_span(monkeypatch):
    """A function after whose call time is not cut any more."""
    return lambda: monkeypatch.setattr(_native, "LONG", 10**9)


def normal(seed: int, *size: int) -> torch.Tensor:
    return torch.randn(size, generator=torch.Generator().manual_seed(seed)).requires_grad_()


def results_and_gradients(neuron, shape, lengths=None):
    x, i, u = normal(1, *shape), normal(2, *shape[1:]), normal(3, *shape[1:])
    state = ss.State(synapse=None if neuron.decay_syn is None else i, potential=u)
    out = neuron.run(x, state, seed=7, lengths=lengths)
    y = out.potential if out.spikes is None else out.spikes
    ends = [value for value in (out.state.synapse, out.state.potential) if value is not None]
    total = (y * normal(1, *shape).detach()).sum() + sum(end.sum() for end in ends)
    inputs = [x, u, *([] if state.synapse is None else [i]), *neuron.parameters()]
    return [y, *ends, *torch.autograd.grad(total, inputs)]


def test_time_is_cut_where_lanes_are_few(one_span):
    def spans(rows, features, steps=T, **options):
        state, decay = torch.empty(rows, features), torch.tensor(0.95, dtype=torch.float64)
        return _native.leaky(steps, state, decay, **options)["spans"]

    assert spans(2, 3) == 2
    assert spans(8, 8) == 1
    assert spans(2, 3, steps=4095) == 1
    assert spans(2, 3, cut=False) == 1  # a reset
    one_span()
    assert spans(2, 3) == 1


@pytest.mark.parametrize("lengths", [None, [3000, 8999], [T, 0], [4600, 5000]])
@pytest.mark.parametrize("chosen", NEURONS)
def test_spans_equal_one_span(chosen, lengths, one_span):
    shape, neuron = (T, 2, 3), NEURONS[chosen](3)
    lengths = None if lengths is None else torch.tensor(lengths)
    cut = results_and_gradients(neuron, shape, lengths)
    one_span()
    for found, expected in zip(cut, results_and_gradients(neuron, shape, lengths), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5 * float(expected.detach().abs().max()))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_finite_reaches_every_later_step(value):
    x = torch.randn(T, 1, 2)
    x[100, 0, 1] = value
    potential = ss.LeakyIntegrator().run(x).potential
    assert not potential[100:, 0, 1].isfinite().any()
    assert potential[:, 0, 0].isfinite().all()


def test_a_gradient_that_is_not_finite_reaches_every_earlier_step():
    x = torch.randn(T, 1, 2, requires_grad=True)
    cotangent = torch.zeros(T, 1, 2)
    cotangent[8000, 0, 1] = float("nan")
    (grad,) = torch.autograd.grad(ss.LeakyIntegrator().run(x).potential, x, cotangent)
    assert grad[:8001, 0, 1].isnan().all()
    assert grad[:, 0, 0].isfinite().all()


@pytest.mark.parametrize("tau", [float("inf"), 100.0])
@pytest.mark.parametrize("chosen", ["li", "spsn"])
def test_a_leak_that_forgets_nothing_is_right(chosen, tau, one_span):
    make = {"li": ss.LeakyIntegrator, "spsn": ss.SPSN}[chosen]
    neuron = make(tau, tau)
    cut = results_and_gradients(neuron, (T, 1, 3))
    one_span()
    assert all(torch.equal(*pair) for pair in zip(cut, results_and_gradients(neuron, (T, 1, 3)), strict=True))


@pytest.mark.parametrize("tau", [20e-3, 100.0])
def test_learned_decays_have_the_gradients_of_one_span(tau, one_span):
    """Also where the leak is too slow for time to be cut."""
    neuron = ss.SPSN(tau, 5e-3, firing="threshold", threshold=0.1, learn_tau=True, learn_threshold=True, features=3)
    cut = results_and_gradients(neuron, (T, 1, 3))
    one_span()
    for found, expected in zip(cut, results_and_gradients(neuron, (T, 1, 3)), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5 * float(expected.detach().abs().max()))


HUGE = {torch.float32: (1e30, 1e-20), torch.float64: (1e200, 1e-200)}
"""A value, and what a decay has left of it at the first step of the second span."""
SECOND = 4512
"""The first step of the second of two spans of T steps: half of them, rounded up to whole MARKs."""


def scanned(x: torch.Tensor, decay: float) -> torch.Tensor:
    return ss.linear_scan(x, decay, backend="native")


def scanned_back(x: torch.Tensor, decay: float) -> torch.Tensor:
    return ss.linear_scan(x.flip(0), decay, reverse=True, backend="native").flip(0)


def integrated(x: torch.Tensor, decay: float) -> torch.Tensor:
    tau = -1e-3 / math.log(decay)
    return ss.LeakyIntegrator(tau, tau, backend="native")(x)


def integrated_back(x: torch.Tensor, decay: float) -> torch.Tensor:
    current = torch.zeros_like(x, requires_grad=True)
    return torch.autograd.grad(integrated(current, decay), current, x.flip(0))[0].flip(0)


@pytest.mark.parametrize("dtype", HUGE, ids=name)
@pytest.mark.parametrize("run", [scanned, scanned_back, integrated, integrated_back])
def test_what_was_huge_is_remembered(run, dtype, one_span):
    """Bit for bit: before the one value everything is 0, as where a span starts."""
    (huge, left), decay = HUGE[dtype], 0.7
    second = T - SECOND if run in (scanned_back, integrated_back) else SECOND  # time is flipped
    x = torch.zeros(T, 1, 2, dtype=dtype)
    x[second - int((math.log(left) - math.log(huge)) / math.log(decay))] = huge
    cut = run(x, decay)
    assert (cut[second] > left / 10).all()
    one_span()
    assert torch.equal(cut, run(x, decay))


@pytest.mark.parametrize("reverse", [False, True])
def test_the_scan_alone(reverse, one_span):
    x, initial = torch.randn(T, 1, 3), torch.randn(1, 3)
    options = {"decay": torch.tensor([0.9, 0.95, 0.0]), "initial": initial, "reverse": reverse, "backend": "native"}
    cut = ss.linear_scan(x, **options)
    one_span()
    torch.testing.assert_close(cut, ss.linear_scan(x, **options), rtol=1e-5, atol=1e-5)
