"""The tests' own reader of NIR graphs, against closed forms."""

import numpy as np
import pytest

nir = pytest.importorskip("nir")
from nir_reader import Reader  # noqa: E402


def one(node, x, exact, dt=1e-3):
    graph = nir.NIRGraph.from_list(node)
    return Reader(graph, dt, exact, 1).run(np.asarray(x, float)[:, None, None])[0][:, 0, 0]


def each(value):
    return np.array([value])


def test_a_constant_current_charges_a_membrane():
    steps = np.arange(1, 51)
    node = nir.LI(tau=each(8e-3), r=each(3.0), v_leak=each(0.5))
    charged = 0.5 + 3 * 2
    np.testing.assert_allclose(one(node, [2.0] * 50, exact=True), charged * (1 - np.exp(-steps / 8)), rtol=1e-12)
    np.testing.assert_allclose(one(node, [2.0] * 50, exact=False), charged * (1 - (7 / 8) ** steps), rtol=1e-12)


def test_an_impulse_through_a_synapse():
    """The convolution of two exponentials."""
    node = nir.CubaLI(tau_syn=each(5e-3), tau_mem=each(8e-3), r=each(1.0), v_leak=each(0.0), w_in=each(4.0))
    a, b, t = 4 / 5, 7 / 8, np.arange(1, 31)
    expected = 4 * (1 - a) * (1 - b) * (a**t - b**t) / (a - b)
    np.testing.assert_allclose(one(node, [1.0] + [0.0] * 29, exact=False), expected, rtol=1e-12)


def test_firing_is_strict_and_resets():
    node = nir.LIF(tau=each(2e-3), r=each(2.0), v_leak=each(0.0), v_threshold=each(0.5))
    x = [0.5, 0.5, 0.0, 2.0]  # v: 0.5 (not over), 0.75 (fires), 0, 2 (fires)
    np.testing.assert_array_equal(one(node, x, exact=False), [0, 1, 0, 1])
