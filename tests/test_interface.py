"""The names, defaults and errors that other programs rely on (the specification's public interface)."""

import inspect

import pytest
import torch

import spikescan as ss


def test_names():
    assert {"LIF", "SPSN", "LeakyIntegrator", "MPEPSN", "ReLU", "linear_scan", "random", "chunked"} <= set(ss.__all__)
    assert all(hasattr(ss, name) for name in ss.__all__)
    assert ss.NeuronOutput._fields == ("spikes", "state", "potential", "estimation_loss")
    assert ss.State._fields == ("synapse", "potential", "seed", "step")
    assert ss.NetworkOutput._fields == ("readout", "layers", "state")
    assert ss.__version__


def test_the_specifications_calls():
    x = torch.randn(100, 6, 12)
    lif = ss.LIF(tau_mem=20e-3, tau_syn=20e-3, dt=1e-3, threshold=1.0)
    sb = ss.SPSN(tau_mem=20e-3, tau_syn=20e-3, dt=1e-3, firing="bernoulli")
    li = ss.LeakyIntegrator(tau_mem=20e-3, tau_syn=20e-3, dt=1e-3)
    mpe = ss.MPEPSN(steps=100, decay=0.25, estimate="previous")
    for neuron in (lif, sb, li, mpe, ss.ReLU()):
        for dtype in (torch.float32, torch.float64, torch.bfloat16):
            assert neuron(x.to(dtype)).shape == x.shape
            assert neuron(x.to(dtype), seed=1).dtype == dtype
    spikes, state = sb.advance(x[:40])
    more, state = sb.advance(x[40:], state)
    assert torch.cat([spikes, more]).shape == x.shape
    v = ss.linear_scan(x, decay=0.95, initial=None, reverse=False, backend="auto")
    assert v.shape == x.shape
    assert ss.random.uniform((3, 2, 4), seed=1, step=0, device=None).shape == (3, 2, 4)


NEURONS = ss.LIF, ss.SPSN, ss.LeakyIntegrator, ss.MPEPSN, ss.ReLU


@pytest.mark.parametrize("neuron", NEURONS)
def test_every_neuron_runs_alike(neuron):
    parameters = inspect.signature(neuron.run).parameters
    assert list(parameters) == ["self", "current", "state", "seed", "lengths", "potentials"]
    made = neuron()
    out = made.run(torch.randn(5, 2, 3), seed=1)
    assert isinstance(out, ss.NeuronOutput)
    assert made.backend == "auto"
    assert made.spiking == (neuron in (ss.LIF, ss.SPSN, ss.MPEPSN))
    assert out.potential is None or neuron is ss.LeakyIntegrator
    assert set(made.__dict__) == set(neuron().__dict__)  # nothing is left on the neuron
    with_potentials = made.run(torch.randn(5, 2, 3), seed=1, potentials=True)
    assert with_potentials.potential.shape == (5, 2, 3)


@pytest.mark.parametrize("neuron", [ss.LIF, ss.SPSN, ss.LeakyIntegrator])
def test_units(neuron):
    """Seconds, and the defaults that the documentation gives."""
    parameters = inspect.signature(neuron).parameters
    assert [parameters[name].default for name in ("tau_mem", "tau_syn", "dt")] == [20e-3, 20e-3, 1e-3]
    assert "seconds (20 ms)" in neuron.__doc__
    assert "seconds (1 ms)" in neuron.__doc__


BAD_OPTIONS = [
    (ValueError, "tau_mem", {"tau_mem": -1e-3}),
    (ValueError, "tau_mem", {"tau_mem": float("nan")}),
    (ValueError, "tau_syn", {"tau_syn": -1e-3}),
    (ValueError, "tau_syn", {"tau_syn": torch.tensor([1e-3, -1e-3])}),
    (ValueError, "dt", {"dt": 0.0}),
    (ValueError, "dt", {"dt": -1e-3}),
    (ValueError, "dt", {"dt": float("nan")}),
    (ValueError, "dt", {"dt": float("inf")}),
    (ValueError, "features", {"learn_tau": True}),
    (ValueError, "tau_mem", {"learn_tau": True, "features": 3, "tau_mem": 0.0}),
    (ValueError, "backend", {"backend": "cpu"}),
    (TypeError, "dt", {"dt": None}),
    (TypeError, "tau_mem", {"tau_mem": "x"}),
    (TypeError, "tau_syn", {"tau_syn": "x"}),
    (ValueError, "features", {"learn_tau": True, "features": -1}),
    (ValueError, "features", {"features": (3, 0)}),
    (ValueError, "features", {"features": (3, 1.5)}),
]
LIF_OPTIONS = [
    (ValueError, "threshold", {"threshold": float("nan")}),
    (TypeError, "threshold", {"threshold": "1"}),
    (ValueError, "threshold", {"threshold": None}),
    (ValueError, "reset", {"reset": "none"}),
    (ValueError, "input_gain", {"input_gain": "one"}),
    (ValueError, "surrogate", {"surrogate": "relu"}),
]


@pytest.mark.parametrize("neuron", [ss.LIF, ss.SPSN, ss.LeakyIntegrator])
@pytest.mark.parametrize(("error", "argument", "options"), BAD_OPTIONS)
def test_bad_options_are_named(neuron, error, argument, options):
    with pytest.raises(error, match=rf"^{argument}:"):
        neuron(**options)


@pytest.mark.parametrize(("error", "argument", "options"), LIF_OPTIONS)
def test_bad_options_of_lif_are_named(error, argument, options):
    with pytest.raises(error, match=rf"^{argument}:"):
        ss.LIF(**options)


def test_bad_options_of_mpe_psn_and_relu_are_named():
    with pytest.raises(TypeError, match=r"^steps: .* found float"):
        ss.MPEPSN(2.5)
    for make in (lambda **o: ss.MPEPSN(4, **o), ss.LIF.vanilla):
        for given in ("0.25", [0.25], 0.25j):
            with pytest.raises(TypeError, match=r"^decay: a number is needed, found"):
                make(decay=given)
            with pytest.raises(TypeError, match=r"^threshold: a number is needed, found"):
                make(threshold=given)
    with pytest.raises(TypeError, match=r"^dt: a number is needed, found str"):
        ss.LIF.vanilla(dt="1")
    with pytest.raises(ValueError, match=r"^backend:"):
        ss.ReLU(backend="cpu")
    with pytest.raises(ValueError, match=r"^backend: 'native' needs a tensor on cpu"):
        ss.ReLU(backend="native")(torch.zeros(2, 2, 2, device="meta"))


def test_bad_shapes_of_draws_are_named():
    with pytest.raises(ValueError, match=r"^shape: .*\(3, -2, 5\)"):
        ss.random.uniform((3, -2, 5), seed=1)


def test_a_threshold_where_there_is_none():
    with pytest.raises(ValueError, match=r"^threshold:"):
        ss.SPSN(threshold=1.0)
    with pytest.raises(ValueError, match=r"^learn_threshold:"):
        ss.SPSN(learn_threshold=True)


X = torch.randn(5, 2, 3)
META = torch.zeros(2, 3, device="meta")
BAD_CALLS = [
    (TypeError, "current", X.int(), {}),
    (TypeError, "current", X + 0j, {}),
    (TypeError, "current", X.tolist(), {}),
    (ValueError, "current", X[0, 0], {}),
    (ValueError, "current", X[:0], {}),
    (TypeError, "seed", X, {"seed": 1.0}),
    (ValueError, "seed", X, {"seed": 2**63}),
    (TypeError, "seed", X, {"seed": True}),
    (TypeError, "seed", X, {"seed": torch.tensor(1, dtype=torch.int32)}),
    (TypeError, "seed", X, {"seed": torch.tensor([1])}),
    (ValueError, "lengths", X, {"lengths": torch.tensor([1, 2, 3])}),
    (ValueError, "lengths", X, {"lengths": torch.tensor([1.0, 2.0])}),
    (ValueError, "lengths", X, {"lengths": torch.tensor([1, 6])}),
    (ValueError, "lengths", X, {"lengths": torch.tensor([1, -1])}),
    (TypeError, "lengths", X, {"lengths": [1, 2]}),
    (ValueError, "state.potential", X, {"state": ss.State(potential=torch.zeros(2, 4))}),
    (ValueError, "state.potential", X, {"state": ss.State(potential=META)}),
    (TypeError, "state", X, {"state": (None, None)}),
]


@pytest.mark.parametrize("neuron", NEURONS)
@pytest.mark.parametrize(("error", "argument", "current", "options"), BAD_CALLS)
def test_bad_calls_are_named(neuron, error, argument, current, options):
    made = neuron()
    with pytest.raises(error, match=rf"^{argument}:"):
        made.run(current, **options)
    if set(options) <= {"state", "seed"}:
        with pytest.raises(error, match=rf"^{argument}:"):
            made.advance(current, **options)


@pytest.mark.parametrize("made", [ss.SPSN(tau_syn=None), ss.LIF.vanilla(), ss.MPEPSN(), ss.ReLU()])
def test_a_state_with_a_synapse_where_there_is_none(made):
    with pytest.raises(ValueError, match=r"^state.(synapse|potential): this neuron has none"):
        made.run(X, ss.SPSN().run(X).state)


@pytest.mark.parametrize("options", [{}, {"learn_tau": True, "learn_threshold": True, "features": 3}])
@pytest.mark.parametrize("backend", ["auto", "reference"])
def test_a_neuron_on_another_device(options, backend):
    """One clear error, and never the numbers of memory that nobody wrote."""
    for neuron in (ss.LIF(**options, backend=backend), ss.SPSN(firing="threshold", **options, backend=backend)):
        with pytest.raises(ValueError, match=r"meta.*cpu|cpu.*meta"):
            neuron.to("meta")(X)
    with pytest.raises(ValueError, match=r"meta.*cpu|cpu.*meta"):
        ss.MPEPSN(backend=backend).to("meta")(X)


def test_per_feature_values_that_do_not_fit():
    for options in ({}, {"learn_tau": True}, {"learn_threshold": True}):
        with pytest.raises(ValueError, match=r"^features: \(4,\) does not broadcast over .* \(3,\)"):
            ss.LIF(**options, features=4)(X)
    with pytest.raises(ValueError, match=r"^features: \(3, 1\) does not broadcast"):
        ss.LIF(features=(3, 1))(X)
    assert ss.LIF(features=(3, 1), learn_tau=True)(torch.randn(5, 2, 3, 4)).shape == (5, 2, 3, 4)
    with pytest.raises(ValueError, match=r"^tau_(mem|syn): shape \(4,\) does not broadcast over the features \(3,\)"):
        ss.LIF(tau_mem=torch.full((4,), 1e-3))(X)
    assert ss.LIF(tau_mem=torch.tensor([1e-3, 2e-3, 3e-3]))(X).shape == X.shape
