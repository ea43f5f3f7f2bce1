"""SPSN: every firing function on every backend against the reference, forward and every gradient."""

import pytest
import torch
from agreement import assert_agree
from helpers import DTYPES, STEPS, name

import spikescan as ss
from spikescan import firing

FIRINGS = sorted(firing.FIRINGS)
each_firing = pytest.mark.parametrize("fire", FIRINGS)


def input_current(steps: int, rows: int, count: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return (torch.randn(steps, rows, count) * 2 + 0.3).to(dtype)


def neuron(fire, **options) -> ss.SPSN:
    return ss.SPSN(8e-3, 5e-3, firing=fire, **options)


@each_firing
@pytest.mark.parametrize("steps", STEPS)
def test_lengths_of_time(fire, steps):
    spikes = assert_agree(neuron(fire), input_current(steps, 2, 5), steady_share=0.95)
    assert steps < 60 or 0 < spikes.mean() < 1


@each_firing
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=name)
def test_half_precision(fire, dtype):
    assert_agree(neuron(fire), input_current(65, 3, 5, dtype))


@pytest.mark.parametrize("fire", ["bernoulli", "gumbel", "escape", "threshold", "delta_tanh"])
@pytest.mark.parametrize(("rows", "count"), [(0, 5), (1, 1), (7, 1), (2, 3), (1, 128), (2, 300), (2, 5001), (3, 0)])
def test_shapes(fire, rows, count):
    assert_agree(neuron(fire), input_current(20, rows, count))


@each_firing
def test_learned_decays_and_threshold(fire):
    has_threshold = firing.FIRINGS[fire].default_threshold is not None
    learned = neuron(fire, learn_tau=True, learn_threshold=has_threshold, features=300)
    with torch.no_grad():
        for parameter in learned.parameters():
            parameter.add_(torch.randn(300) * 0.1)
    assert_agree(learned, input_current(40, 3, 300))


@each_firing
@pytest.mark.parametrize("start", [False, True])
def test_padding(fire, start):
    lengths = torch.tensor([0, 1, 29, 30, 12])
    spikes = assert_agree(neuron(fire), input_current(30, 5, 6), lengths=lengths, start=start)
    assert all(not spikes[length:, row].any() for row, length in enumerate(lengths))


@each_firing
def test_no_synapse_and_learned(fire):
    assert_agree(ss.SPSN(8e-3, None, firing=fire, learn_tau=True, features=7), input_current(33, 2, 7))


@pytest.mark.parametrize("taus", [(0.0, 0.0), (torch.inf, 5e-3), (5e-3, torch.inf), (0.0, None), (8e-3, 8e-3)])
@pytest.mark.parametrize("backend", ["native", "fft"])
def test_extreme_decays(taus, backend):
    # FFT's rounding is relative to the largest value of the sequence, so that small gradients ask for float64.
    dtype = torch.float64 if backend == "fft" else torch.float32
    assert_agree(ss.SPSN(*taus), input_current(50, 2, 5, dtype) / 5, backend=backend)


@each_firing
@pytest.mark.parametrize("dtype", DTYPES, ids=name)
def test_fourier_form(fire, dtype):
    assert_agree(neuron(fire), input_current(65, 2, 5, dtype), backend="fft")


@each_firing
def test_deterministic(fire):
    evaluated = neuron(fire, deterministic=True)
    spikes = assert_agree(evaluated, input_current(65, 2, 30))
    assert torch.equal(evaluated(torch.zeros(3, 1, 1)), evaluated(torch.zeros(3, 1, 1)))
    assert spikes.any()


OPTIONS = [
    firing.Gumbel(0.3),
    firing.Gumbel(4.0),
    firing.Escape(0.5, 0.2, 0.3),
    firing.Escape(1e-3, 0.0, 0.05),
    firing.Threshold("tanh", firing.Sigmoid(7.0), 0.2),
    firing.Threshold("sigmoid", firing.Arctan(), 0.6),
    firing.Delta("sigmoid", firing.Triangular(0.5), 0.02),
    firing.Delta("identity", firing.Sigmoid(), 0.2),
    firing.Delta("relu_tanh", firing.Arctan(1.0), 0.05),
]


@pytest.mark.parametrize("fire", OPTIONS, ids=str)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=name)
def test_options(fire, dtype):
    assert_agree(neuron(fire), input_current(65, 2, 9, dtype))


@pytest.mark.parametrize("fire", OPTIONS, ids=str)
def test_saturation(fire):
    """Far out, every slope is finite and the backends agree."""
    x = torch.linspace(-300, 300, 1201).view(1, 1, -1)
    assert_agree(ss.SPSN(0.0, None, firing=fire), x, start=False)
