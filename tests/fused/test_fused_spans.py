"""Few lanes and a long time: the native kernels cut time into spans. What they give is what one span gives."""

import math
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import name
from native import njit

import spikescan as ss
from spikescan.scan import _compiling, _lanes, _parallel, _threads

NEURONS = {
    "li": lambda n: ss.LeakyIntegrator(),
    "bernoulli": lambda n: ss.SPSN(),
    "gumbel without synapse": lambda n: ss.SPSN(tau_syn=None, firing="gumbel"),
    "delta": lambda n: ss.SPSN(firing="delta", threshold=0.1),
    "learned": lambda n: ss.SPSN(firing="threshold", learn_tau=True, learn_threshold=True, features=n),
    "one equal leak and a slower": lambda n: ss.SPSN(tau_mem=60e-3),
}

pytestmark = pytest.mark.usefixtures("two_threads")
of_spans = pytest.mark.skipif(
    _threads.LAUNCHED < 2, reason="native has one thread here, of which time is not cut; NUMBA_NUM_THREADS=2 gives two"
)


def everything(neuron, shape, lengths):
    def random(seed, *size):
        return torch.randn(size, generator=torch.Generator().manual_seed(seed)).requires_grad_()

    x, i, u = random(1, *shape), random(2, *shape[1:]), random(3, *shape[1:])
    state = ss.State(synapse=None if neuron.decay_syn is None else i, potential=u)
    out = neuron.run(x, state, seed=7, lengths=lengths)
    y = out.potential if out.spikes is None else out.spikes
    ends = [value for value in (out.state.synapse, out.state.potential) if value is not None]
    total = (y * random(4, *shape).detach()).sum() + sum(end.sum() for end in ends)
    inputs = [x, u, *([] if state.synapse is None else [i]), *neuron.parameters()]
    return [y, *ends, *torch.autograd.grad(total, inputs)]


@of_spans
@pytest.mark.parametrize("lengths", [None, [3000, 8999], [9001, 0], [4600, 5000]])
@pytest.mark.parametrize("chosen", NEURONS)
def test_spans_equal_one_span(chosen, lengths, monkeypatch):
    shape = (9001, 2, 3)
    lengths = None if lengths is None else torch.tensor(lengths)
    torch.manual_seed(0)
    neuron = NEURONS[chosen](3)
    plans = _lanes.plans(torch.Size(shape), torch.float32, (torch.tensor([0.95]),), cut=True)
    assert plans[0].span < 9001
    cut = everything(neuron, shape, lengths)
    monkeypatch.setattr(_lanes, "LONG", 10**9)
    for found, expected in zip(cut, everything(neuron, shape, lengths), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5 * float(expected.detach().abs().max()))


@of_spans
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_finite_reaches_every_later_step(value):
    x = torch.randn(9001, 1, 2)
    x[100, 0, 1] = value
    potential = ss.LeakyIntegrator().run(x).potential
    assert not potential[100:, 0, 1].isfinite().any()
    assert potential[:, 0, 0].isfinite().all()


@of_spans
def test_a_gradient_that_is_not_finite_reaches_every_earlier_step():
    x = torch.randn(9001, 1, 2, requires_grad=True)
    cotangent = torch.zeros(9001, 1, 2)
    cotangent[8000, 0, 1] = float("nan")
    (grad,) = torch.autograd.grad(ss.LeakyIntegrator().run(x).potential, x, cotangent)
    assert grad[:8001, 0, 1].isnan().all()
    assert grad[:, 0, 0].isfinite().all()


def test_a_leak_that_forgets_nothing_is_not_cut():
    for decay in (1.0, 0.99999):
        (plan,) = _lanes.plans(torch.Size((9001, 1, 1)), torch.float32, (torch.tensor([decay]),), cut=True)
        assert plan.span == 9001


HUGE = {torch.float32: (1e30, 1e-20), torch.float64: (1e200, 1e-200)}
"""A value, and what a decay has left of it at the first step of the second span."""


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


@of_spans
@pytest.mark.parametrize("dtype", HUGE, ids=name)
@pytest.mark.parametrize("run", [scanned, scanned_back, integrated, integrated_back])
def test_what_was_huge_is_remembered(run, dtype, monkeypatch):
    """Bit for bit: before the one value everything is 0, as where a span starts."""
    (huge, left), decay, span = HUGE[dtype], 0.7, 4501
    x = torch.zeros(9001, 1, 2, dtype=dtype)
    x[span - int((math.log(left) - math.log(huge)) / math.log(decay))] = huge
    plans = _lanes.plans(x.shape, dtype, (torch.tensor([decay]),), cut=True)
    assert plans[0].span == span
    cut = run(x, decay)
    assert (cut[span] > left / 10).all()
    monkeypatch.setattr(_lanes, "LONG", 10**9)
    assert torch.equal(cut, run(x, decay))


@of_spans
@pytest.mark.parametrize("reverse", [False, True])
def test_the_scan_alone(reverse, monkeypatch):
    x, initial = torch.randn(9001, 1, 3), torch.randn(1, 3)
    options = {"decay": torch.tensor([0.9, 0.95, 0.0]), "initial": initial, "reverse": reverse, "backend": "native"}
    cut = ss.linear_scan(x, **options)
    monkeypatch.setattr(_lanes, "LONG", 10**9)
    torch.testing.assert_close(cut, ss.linear_scan(x, **options), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kept", [True, False])
def test_compiling_is_announced(kept, capsys, monkeypatch):
    monkeypatch.setattr(_compiling, "PATIENCE", 0.0)
    slow = _compiling.announced(njit(lambda x: np.sort(x)[::2].sum()), kept)
    other = njit(lambda x: np.sort(x)[::3].sum())
    assert slow(np.arange(3.0)) == 2
    said = capsys.readouterr().err
    assert said.startswith("spikescan: compiling the CPU kernel")
    assert ("NUMBA_CACHE_DIR" in said) == (not kept)
    assert slow(np.arange(4.0)) == 2
    assert other(np.arange(4.0)) == 3  # not one of ours
    assert capsys.readouterr().err == ""


def test_compiling_that_is_quick_is_not(capsys):
    _compiling.announced(njit(lambda x: x + 1))(1)
    time.sleep(_compiling.PATIENCE + 0.2)
    assert capsys.readouterr().err == ""


def test_kernels_are_kept_for_all_that_they_are_compiled_from(tmp_path):
    part = tmp_path / "part.py"
    found = set()
    for text in ("a = 1", "a = 2"):
        part.write_text(text)
        found.add(_compiling.digest([part]))
    assert len(found) == 2
    ss.linear_scan(torch.ones(2, 1, 3), 0.5, backend="native")
    kept = Path(_parallel.in_parallel.stats.cache_path)
    assert list(kept.glob(f"*scan_{_compiling.SOURCES}*.nbi"))
