import sys
from types import ModuleType

import pytest

import spikescan as ss
from spikescan.errors import InputError
from spikescan.training import neurons, recipe_files, run
from spikescan.training.build import material

BUILT_IN = {
    "lif": ss.LIF,
    "vanilla-lif": ss.LIF,
    "spsn-sb": ss.SPSN,
    "spsn-gs": ss.SPSN,
    "mpe-psn": ss.MPEPSN,
    "relu": ss.ReLU,
}


def build(name, **values):
    changes = {"neuron.name": name} | {f"neuron.{key}": value for key, value in values.items()}
    return neurons.build(recipe_files.load("published", changes).resolved())


@pytest.mark.parametrize("name", BUILT_IN)
def test_names(name):
    assert name in neurons.names()
    assert isinstance(build(name), BUILT_IN[name])


def test_values_reach_the_neuron():
    decay = build("spsn-sb", tau_mem=5e-3, tau_syn="none")
    assert decay.decay_syn is None
    assert decay.decay_mem().item() == pytest.approx(0.8187307530779818)
    assert build("mpe-psn", decay=0.5, estimate="current").decay == 0.5
    assert build("lif", threshold=0.3).threshold.item() == pytest.approx(0.3)
    assert type(build("spsn-gs").dynamics.firing).__name__ == "Gumbel"
    assert type(build("spsn-sb").dynamics.firing).__name__ == "Bernoulli"


def test_learned_decays_have_the_layers_sizes(recipe, store):
    network = material(recipe(neuron__name="spsn-gs", neuron__learn_tau=True).resolved(), store).network()
    assert [tuple(neuron.decay_mem.logit.shape) for neuron in network.neurons] == [(12,), (8,)]


class Own(ss.ReLU):
    """A neuron from somebody else's file; takes one value of the recipe."""

    def __init__(self, tau_mem):
        super().__init__()
        self.tau_mem = tau_mem


def test_a_neuron_of_ones_own_trains(monkeypatch, recipe, store, tmp_path):
    monkeypatch.setattr(neurons, "_TABLE", dict(neurons._TABLE))
    neurons.register("own", Own)
    with pytest.raises(ValueError, match="taken"):
        neurons.register("own", Own)
    assert build("own", tau_mem=0.5).tau_mem == 0.5
    stuff = run.prepare(recipe(neuron__name="own", training__epochs=1), tmp_path / "run", store=store)
    assert stuff.recipe.network.readout == "linear"


def test_a_file_in_the_package_is_found(monkeypatch):
    module = ModuleType("spikescan.neurons.own")
    module.NAMED = {"from-a-file": Own}
    monkeypatch.setitem(sys.modules, module.__name__, module)
    item = type("Item", (), {"name": "own"})
    monkeypatch.setattr(neurons.pkgutil, "iter_modules", lambda path: [item])
    neurons._declared.cache_clear()
    try:
        assert "from-a-file" in neurons.names()
    finally:
        neurons._declared.cache_clear()


def test_refused_values_name_the_neuron():
    with pytest.raises(InputError, match="neuron spsn-sb: threshold"):
        build("spsn-sb", threshold=1.0)
