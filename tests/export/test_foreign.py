"""Graphs of LIF layers, run by other packages: free, and step by step from equal states."""

import numpy as np
import pytest
import torch
from export_nets import currents, fires, mlp
from tolerances import assert_close

import spikescan as ss
from spikescan import export

nir = pytest.importorskip("nir")
pytest.importorskip("nirtorch")
DT = 1e-4  # snnTorch knows no other


def snntorch(graph):
    return pytest.importorskip("snntorch.import_nir").import_from_nir(graph)


def spikingjelly(graph):
    package = pytest.importorskip("spikingjelly.activation_based.nir_exchange")
    return package.import_from_nir(graph, dt=DT)


READERS = {"snntorch": snntorch, "spikingjelly": spikingjelly}
LIFS = "lif", "lif_no_synapse", "lif_unit", "lif_vanilla"
each_reader = pytest.mark.parametrize("reader", READERS)
each_lif = pytest.mark.parametrize("neuron", LIFS)


def exported(neuron, folder, reader):
    network = mlp(neuron, readout=None, norm=True)
    export.to_nir(network, folder / "a.nir", dt=DT)
    return network, READERS[reader](nir.read(folder / "a.nir"))


@each_reader
@each_lif
@torch.no_grad()
def test_a_sequence(neuron, reader, tmp_path):
    network, foreign = exported(neuron, tmp_path, reader)
    x, state, readouts = currents(), None, []
    for current in x:
        out = foreign(current) if state is None else foreign(current, state)
        out, state = out if isinstance(out, tuple) else (out, None)
        readouts.append(out)
    expected = network.run(x)
    assert fires(expected)
    assert_close(torch.stack(readouts), expected.readout, tolerance=1e-5)


@each_reader
@pytest.mark.parametrize("neuron", ["lif_taus", "lif_taus_no_synapse", "lif_learned"])
def test_what_they_cannot_have_is_refused(neuron, reader, tmp_path):
    """One threshold and one pair of time constants a layer: they say so, and compute nothing else in silence."""
    with pytest.raises((AssertionError, ValueError), match=r"must be same for all neurons|uniform"):
        exported(neuron, tmp_path, reader)


@each_lif
@torch.no_grad()
def test_snntorchs_steps_from_equal_states(neuron, tmp_path):
    """Of each layer: put into our state, it takes our next step. Its membrane counts in units of 1 - β."""
    network, foreign = exported(neuron, tmp_path, "snntorch")
    x = currents()
    output, inputs = network.run(x), x
    for k, layer in enumerate(output.layers, 1):
        ours, theirs = network.neurons[k - 1], foreign.get_submodule(f"neurons_{k}")
        unit = (1 - ours.decay_mem()).item() if ours.dynamics.leaky_gain else 1.0
        state = ss.State()
        current = foreign.get_submodule(f"affine_{k}")(inputs)
        for t in range(len(x)):
            if state.potential is not None:
                theirs.mem = state.potential / unit
                if state.synapse is not None:
                    theirs.syn = state.synapse.clone()
            spikes = theirs(current[t])
            step = ours.run(current[t : t + 1], state)
            state = step.state
            assert torch.equal(spikes, layer.spikes[t])
            assert_close(theirs.mem * unit, state.potential, f"membrane at {t}", tolerance=1e-5)
            if state.synapse is not None:
                assert_close(theirs.syn, state.synapse, f"synapse at {t}", tolerance=1e-5)
        inputs = layer.spikes


@pytest.mark.filterwarnings("ignore:nirtorch.extract_nir_graph:DeprecationWarning")
def test_what_snntorch_writes(tmp_path):
    """snnTorch's own networks, read by us. Numbers would get a shape that nir cannot read, so there are vectors."""
    snn = pytest.importorskip("snntorch")
    export_to_nir = pytest.importorskip("snntorch.export_nir").export_to_nir
    options = {"init_hidden": True, "reset_mechanism": "zero", "reset_delay": False}
    theirs = torch.nn.Sequential(
        torch.nn.Linear(6, 5),
        snn.Synaptic(torch.full((5,), 0.8), torch.full((5,), 0.9), torch.full((5,), 0.5), **options),
        torch.nn.Linear(5, 3),
        snn.Leaky(torch.full((3,), 0.7), torch.full((3,), 0.3), **options),
    )
    nir.write(tmp_path / "a.nir", export_to_nir(theirs, torch.randn(1, 6), ignore_dims=[0]))
    network = export.from_nir(tmp_path / "a.nir", dt=DT)
    x = torch.randn(50, 4, 6)
    theirs[1].reset_mem(), theirs[3].reset_mem()
    with torch.no_grad():
        expected = torch.stack([theirs(current) for current in x])
    assert 0.01 < expected.mean() < 0.99
    assert torch.equal(network.run(x).readout, expected)
    np.testing.assert_allclose(network.neurons[0].decay_mem().item(), 0.9, rtol=1e-6)
