"""Neurons whose two states drive each other: closed forms, the papers' own recursions, bad arguments."""

import math
from functools import partial

import pytest
import torch
from tolerances import assert_close

import spikescan as ss
from spikescan.firing import SURROGATES

DT = 1e-3
each_backend = pytest.mark.parametrize("backend", ["reference", "native", "fft"])


def impulse(steps: int, features: int = 1) -> torch.Tensor:
    x = torch.zeros(steps, 1, features, dtype=torch.float64)
    x[0] = 1
    return x


@each_backend
@pytest.mark.parametrize(("tau", "frequency"), [(20e-3, 40.0), (5e-3, 0.0), (0.3, 499.0), (20e-3, -40.0)])
@pytest.mark.parametrize(("gain", "b"), [("unit", 1.0), ("dt", DT), ("normalised", None)])
def test_the_answer_to_an_impulse(backend, tau, frequency, gain, b):
    radius = math.exp(-DT / tau)
    time = torch.arange(100, dtype=torch.float64)
    size = (1 - radius if b is None else b) * radius**time
    angle = 2 * math.pi * frequency * DT * time
    for part, wave in (("real", angle.cos()), ("imaginary", angle.sin())):
        neuron = ss.Resonator(tau, frequency, DT, part=part, input_gain=gain, backend=backend)
        assert_close(neuron(impulse(100)).flatten(), size * wave, tolerance=1e-12)


@pytest.mark.parametrize("frequency", [10.0, 60.0, 200.0])
def test_the_gain_at_resonance_is_about_one(frequency):
    """Half of a real wave turns with the pole, half against it."""
    neuron = ss.Resonator(50e-3, frequency, DT)
    time = torch.arange(3000, dtype=torch.float64) * DT
    answers = {
        hertz: neuron(torch.cos(2 * math.pi * hertz * time).view(-1, 1, 1))[1500:].abs().max().item()
        for hertz in (frequency, frequency * 1.5, frequency / 2)
    }
    assert answers[frequency] == pytest.approx(0.5, abs=0.09)
    assert max(answers[frequency * 1.5], answers[frequency / 2]) < 0.8 * answers[frequency]


def test_the_gain_of_a_rate_stays_below_tau():
    neuron = ss.Resonator((5e-3, 0.2), (0.0, 100.0), DT, input_gain="dt", features=40)
    x = torch.rand(2000, 2, 40) * 2 - 1
    assert (neuron(x).abs().amax((0, 1)) < neuron.pole.tau).all()


def test_a_complex_scan_is_a_resonator():
    neuron = ss.Resonator((5e-3, 0.2), (0.0, 100.0), DT, input_gain="unit", features=6)
    pole = neuron.pole()
    x = torch.randn(50, 2, 6, dtype=torch.float64)
    z = ss.linear_scan(x, torch.complex(pole.real, pole.imaginary))
    assert_close(neuron(x), z.real)
    out = neuron.run(x)
    assert_close(out.state.potential, z[-1].real)
    assert_close(out.state.synapse, z[-1].imag)
    assert z.dtype == torch.complex128
    assert ss.linear_scan(x.float(), 0.5j).dtype == torch.complex64


@each_backend
def test_a_range_is_spread_over_the_features(backend):
    neuron = ss.ResonateAndFire((5e-3, 0.2), (0.0, 100.0), DT, features=200, backend=backend)
    tau, frequency = neuron.pole.tau, neuron.pole.frequency
    assert_close(frequency, (torch.arange(200, dtype=torch.float64) + 0.5) / 2)
    assert 5e-3 <= tau.min() < 5.3e-3
    assert 0.19 < tau.max() <= 0.2
    assert tau.log().mean().item() == pytest.approx(math.log(5e-3 * 0.2) / 2, abs=0.03)
    for quarter in tau.log().view(4, 50):  # of the frequencies
        assert quarter.mean().item() == pytest.approx(math.log(5e-3 * 0.2) / 2, abs=0.15)
    assert neuron(torch.randn(20, 2, 200)).shape == (20, 2, 200)


def test_c_silif_by_the_papers_recursion():
    neuron = ss.CSiLIF(20e-3, 60.0, DT, input_gain="unit")
    pole = neuron.pole()
    decay = torch.complex(pole.real, pole.imaginary)
    x = torch.randn(80, 3, 4, dtype=torch.float64)
    z = spikes = torch.zeros(3, 4, dtype=torch.complex128)
    expected = []
    for current in x:
        z = decay * (z - 0.5 * spikes) + current
        spikes = (2 * z.real - 1 > 0).to(z.dtype)
        expected.append(spikes.real)
    found = neuron.run(x)
    assert torch.equal(found.spikes, torch.stack(expected))
    assert 0.1 < found.spikes.mean() < 0.6
    assert_close(found.state.potential, (z - 0.5 * spikes).real)
    assert_close(found.state.synapse, z.imag)


@pytest.mark.parametrize("backend", ["reference", "native"])
@pytest.mark.parametrize("learn", [True, False])
def test_adaptive_lif_by_the_papers_recursion(backend, learn):
    """Values and gradients, against the recursion as Bittar and Garner write it."""
    options = {"learn_tau": True, "learn_adaptation": True, "learn_threshold": True, "features": 4} if learn else {}
    make = partial(ss.AdaptiveLIF, 10e-3, 40e-3, DT, 0.3, a=0.4, b=0.2, backend=backend, surrogate="arctan", **options)
    neuron, x = make().double(), (2 * torch.randn(80, 3, 4, dtype=torch.float64)).requires_grad_()
    alpha, beta = neuron.decay_mem(), neuron.decay_adapt()
    w = u = spikes = torch.zeros(3, 4, dtype=torch.float64)
    expected = []
    for current in x:
        w = beta * w + neuron.a * u + neuron.b * spikes
        u = alpha * (u - neuron.threshold * spikes) + (1 - alpha) * (current - w)
        spikes = ss.firing.Threshold(surrogate=SURROGATES["arctan"])(u, u, None, neuron.threshold)
        expected.append(spikes)
    expected = torch.stack(expected)
    found = neuron.run(x)
    assert torch.equal(found.spikes, expected)
    assert 0.02 < found.spikes.mean() < 0.6
    assert_close(found.state.potential, u - neuron.threshold * spikes)
    inputs, cotangent = [x, *neuron.parameters()], torch.randn_like(expected)
    pairs = zip(*(torch.autograd.grad(out, inputs, cotangent) for out in (found.spikes, expected)), strict=True)
    for a, b in pairs:
        assert_close(a, b)


def test_gradients_of_a_pole_are_those_of_differences():
    neuron = ss.Resonator((5e-3, 50e-3), (0.0, 100.0), DT, learn_tau=True, learn_frequency=True, features=3).double()
    x = torch.randn(9, 2, 3, dtype=torch.float64)
    for parameter in neuron.parameters():
        base, step = parameter.detach().clone(), 1e-6
        cotangent = torch.randn(9, 2, 3, dtype=torch.float64)
        (found,) = torch.autograd.grad((neuron(x) * cotangent).sum(), parameter)
        for k in range(3):
            ends = []
            for sign in (1, -1):
                with torch.no_grad():
                    parameter.copy_(base)
                    parameter[k] += sign * step
                ends.append((neuron(x) * cotangent).sum().item())
            with torch.no_grad():
                parameter.copy_(base)
            assert found[k].item() == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-5, abs=1e-7)


BAD = [
    ({"tau": 0.0}, r"^tau: a positive time constant"),
    ({"tau": math.nan}, r"^tau: numbers are needed"),
    ({"tau": "slow"}, r"^tau: a number, a range"),
    ({"tau": (0.1, 0.01), "features": 3}, r"^tau: a range \(lowest, highest\)"),
    ({"tau": (0.01, 0.1)}, r"^features: their number is needed to spread tau"),
    ({"tau": (0.0, 0.1), "features": 3}, r"^tau: a range of positive numbers"),
    ({"tau": math.inf}, r"^tau: an infinite one has no normalised input gain"),
    ({"frequency": 501.0}, r"^frequency: at most 1/\(2·dt\) = 500 Hz"),
    ({"dt": 0.0}, r"^dt: a positive number of seconds"),
    ({"input_gain": "leaky"}, r"^input_gain: 'leaky' is not one of normalised, unit, dt"),
    ({"part": "both"}, r"^part: 'both' is not real or imaginary"),
    ({"learn_tau": True}, r"^features: their number is needed to learn one pole"),
    ({"firing": "gumbel", "threshold": 1.0}, r"^threshold: Gumbel.* has none"),
]


@pytest.mark.parametrize(("options", "says"), BAD, ids=[repr(options) for options, _ in BAD])
def test_bad_arguments_are_named(options, says):
    with pytest.raises((ValueError, TypeError), match=says):
        ss.ResonateAndFire(**options)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"tau_adapt": 0.0}, r"^tau_adapt: a positive time constant"),
        ({"a": math.inf}, r"^a: a finite number"),
        ({"learn_adaptation": True}, r"^features: their number is needed to learn one a"),
    ],
)
def test_bad_arguments_of_adaptation_are_named(options, says):
    with pytest.raises(ValueError, match=says):
        ss.AdaptiveLIF(**options)


def test_a_complex_decay_is_checked():
    x = torch.randn(5, 2, 3)
    with pytest.raises(ValueError, match=r"^decay: absolute values in \[0, 1\] are needed"):
        ss.linear_scan(x, 1 + 0.1j)
    with pytest.raises(ValueError, match=r"^decay: absolute values"):
        ss.linear_scan(x, torch.tensor([0.5j, complex(math.nan, 0), 0.1j]))
