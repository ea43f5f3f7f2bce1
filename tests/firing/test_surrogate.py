"""Surrogates: their formulas, written again with numpy, and the registry."""

import numpy as np
import pytest
import torch
from tolerances import assert_close

import spikescan as ss
from spikescan import firing

Z = np.concatenate([np.linspace(-3, 3, 61), [1e-6, -1e-6, 40.0, -40.0]])
FORMULAS = {
    "fast_sigmoid": 1 / (100 * np.abs(Z) + 1) ** 2,
    "triangular": np.maximum(0, 1 - np.abs(Z)),
    "sigmoid": 4 * np.exp(-4 * np.abs(Z)) / (1 + np.exp(-4 * np.abs(Z))) ** 2,
    "arctan": 1 / (1 + (np.pi * Z) ** 2),
    "boxcar": (np.abs(Z) < 0.5).astype(float),
}


def test_the_registry_is_what_is_documented():
    assert set(firing.SURROGATES) == set(FORMULAS)
    assert all(f"| {name} |" in firing.surrogate.__globals__["__doc__"] for name in FORMULAS)


@pytest.mark.parametrize("name", FORMULAS)
def test_formula(name):
    assert_close(firing.surrogate(name).derivative(torch.tensor(Z)), torch.tensor(FORMULAS[name]))


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("backend", ["reference", "native"])
def test_it_is_the_gradient_of_a_spike(name, backend):
    lif = ss.LIF(0.0, None, surrogate=name, backend=backend)
    current = torch.tensor(Z + 1)[None, None].requires_grad_()
    lif(current).sum().backward()
    away = torch.tensor(np.abs(np.abs(Z) - 0.5) > 1e-9)  # the boxcar's edge, after adding and taking off the threshold
    assert_close(current.grad.flatten() * away, torch.tensor(FORMULAS[name]) * away)


@pytest.mark.parametrize("made", [firing.FastSigmoid(7.0), firing.Triangular(0.4), firing.Boxcar(0.2)])
def test_options(made):
    scale = {"slope": lambda v: v, "width": lambda v: 1 / v}
    ((option, value),) = vars(made).items()
    default = type(made)()
    assert_close(
        made.derivative(torch.tensor(Z)),
        default.derivative(torch.tensor(Z) * scale[option](value) / scale[option](getattr(default, option))),
    )


def test_choice():
    mine = firing.Arctan(2.0)
    assert firing.surrogate(mine) is mine
    with pytest.raises(ValueError, match="surrogate: 'relu' is not one of fast_sigmoid, "):
        firing.surrogate("relu")
    with pytest.raises(TypeError, match="surrogate"):
        firing.surrogate(3)
    with pytest.raises(TypeError, match="surrogate"):
        ss.LIF(surrogate=None)


def test_a_firing_function_takes_a_surrogates_name():
    x = torch.randn(9, 2, 5).requires_grad_()
    for made in (firing.Threshold, firing.Delta):
        neurons = [ss.SPSN(firing=made(surrogate=chosen)) for chosen in ("arctan", firing.Arctan())]
        assert torch.equal(*(torch.autograd.grad(neuron(x).sum(), x)[0] for neuron in neurons))
        with pytest.raises(ValueError, match="surrogate"):
            made(surrogate="relu")


@pytest.mark.parametrize("kind", [firing.FastSigmoid, firing.Triangular, firing.Sigmoid, firing.Arctan, firing.Boxcar])
@pytest.mark.parametrize("value", [0.0, -1.0, np.inf, np.nan])
def test_parameters_are_positive_numbers(kind, value):
    with pytest.raises(ValueError, match=r"(slope|width): a positive number is needed"):
        kind(value)
