"""LIF: every option, native against the reference, forward and every gradient."""

import pytest
import torch
from agreement import assert_agree
from helpers import STEPS, name

import spikescan as ss
from spikescan.firing import SURROGATES

RESETS = [(reset, detach) for reset in ("hard", "soft") for detach in (True, False)]
each_reset = pytest.mark.parametrize(("reset", "detach"), RESETS)


def input_current(steps: int, rows: int, count: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return (torch.randn(steps, rows, count) * 2 + 0.5).to(dtype)


def neuron(reset: str, detach: bool, **options) -> ss.LIF:
    return ss.LIF(8e-3, 5e-3, reset=reset, detach_reset=detach, **options)


@each_reset
@pytest.mark.parametrize("steps", STEPS)
def test_lengths_of_time(reset, detach, steps):
    spikes = assert_agree(neuron(reset, detach), input_current(steps, 2, 5))
    assert steps < 60 or 0.01 < spikes.mean() < 0.9


@each_reset
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=name)
def test_half_precision(reset, detach, dtype):
    assert_agree(neuron(reset, detach), input_current(65, 3, 5, dtype))


@each_reset
@pytest.mark.parametrize("surrogate", sorted(SURROGATES))
@pytest.mark.parametrize("gain", ["leaky", "unit"])
def test_surrogates_and_gains(reset, detach, surrogate, gain):
    scale = 1.0 if gain == "leaky" else 0.1
    options = {"surrogate": surrogate, "input_gain": gain, "threshold": 0.7}
    spikes = assert_agree(neuron(reset, detach, **options), scale * input_current(65, 2, 5))
    assert 0.01 < spikes.mean() < 0.9


@each_reset
@pytest.mark.parametrize(("rows", "count"), [(0, 5), (1, 1), (7, 1), (2, 3), (1, 128), (2, 300), (3, 0)])
def test_shapes(reset, detach, rows, count):
    assert_agree(neuron(reset, detach), input_current(20, rows, count))


@pytest.mark.parametrize("backend", ["reference", "native"])
def test_every_parameter_has_a_gradient_where_there_is_no_neuron(backend):
    learned = ss.LIF(learn_tau=True, learn_threshold=True, features=1, backend=backend)
    for gradient in torch.autograd.grad(learned(torch.randn(4, 2, 0)).sum(), list(learned.parameters())):
        assert gradient.tolist() == [0]


@each_reset
@pytest.mark.parametrize("gain", ["leaky", "unit"])
@pytest.mark.parametrize("tau_syn", [5e-3, None])
def test_learned_decays_and_threshold(reset, detach, gain, tau_syn):
    learned = ss.LIF(
        8e-3,
        tau_syn,
        reset=reset,
        detach_reset=detach,
        input_gain=gain,
        learn_tau=True,
        learn_threshold=True,
        features=300,
    )
    with torch.no_grad():
        for parameter in learned.parameters():
            parameter.add_(torch.randn(300) * 0.1)
    scale = 1.0 if gain == "leaky" else 0.1  # a surrogate of slope 100 magnifies the rounding of large potentials
    spikes = assert_agree(learned, scale * input_current(40, 3, 300))
    assert spikes.mean() > 0.01


@each_reset
@pytest.mark.parametrize("start", [False, True])
def test_padding(reset, detach, start):
    lengths = torch.tensor([0, 1, 29, 30, 12])
    learned = neuron(reset, detach, learn_tau=True, learn_threshold=True, features=6)
    spikes = assert_agree(learned, input_current(30, 5, 6), lengths=lengths, start=start)
    assert all(not spikes[length:, row].any() for row, length in enumerate(lengths))
    assert spikes.any()


@pytest.mark.parametrize("steps", STEPS)
def test_vanilla(steps):
    spikes = assert_agree(ss.LIF.vanilla(), input_current(steps, 2, 7))
    assert steps < 60 or 0.1 < spikes.mean() < 0.9


@each_reset
@pytest.mark.parametrize("taus", [(0.0, 0.0), (torch.inf, 5e-3), (5e-3, torch.inf), (0.0, None), (8e-3, 8e-3)])
def test_extreme_decays(reset, detach, taus):
    assert_agree(ss.LIF(*taus, reset=reset, detach_reset=detach), input_current(50, 2, 5))


@pytest.mark.parametrize("backend", ["native", "fft"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=name)
@pytest.mark.parametrize("steps", STEPS)
def test_leaky_integrator(backend, dtype, steps):
    lengths = torch.tensor([steps, steps // 2, 0])
    learned = ss.LeakyIntegrator(learn_tau=True, features=5)
    assert_agree(learned, input_current(steps, 3, 5, dtype), backend=backend, lengths=lengths)
    assert_agree(ss.LeakyIntegrator(), input_current(steps, 3, 5, dtype), backend=backend)
