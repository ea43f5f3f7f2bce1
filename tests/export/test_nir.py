"""Networks as NIR graphs: written and read back by us, read by nir, and run by a reader that shares no code with us."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from export_nets import CLASSES, DT, INPUTS, NEURONS, currents, fires, mlp, trained
from tolerances import assert_close

import spikescan as ss
from spikescan import export
from spikescan.networks import ConvNet, ResNet19, SpikingMLP

nir = pytest.importorskip("nir")
from nir_reader import Reader  # noqa: E402

each_neuron = pytest.mark.parametrize("neuron", NEURONS)
each_discretisation = pytest.mark.parametrize("discretisation", ["euler", "exact"])
SOFT = "lif_soft", "lif_unit_soft"  # which NIR does not have
SENSOR = (2, 9, 8)


@each_neuron
@each_discretisation
def test_out_and_in_again(neuron, discretisation, tmp_path):
    network, x = mlp(neuron, norm=True), currents()
    export.to_nir(network, tmp_path / "a.nir", dt=DT, discretisation=discretisation)
    again = export.from_nir(tmp_path / "a.nir")
    expected = network.run(x)
    assert fires(expected)
    output = again.run(x)
    for found, layer in zip(output.layers, expected.layers, strict=True):
        assert torch.equal(found.spikes, layer.spikes)
    assert_close(output.readout, expected.readout.detach(), tolerance=1e-5)


@pytest.mark.parametrize("neuron", [neuron for neuron in NEURONS if neuron not in SOFT])
@each_discretisation
def test_an_independent_reader_computes_the_same(neuron, discretisation, tmp_path):
    """In float64, so that no spike is within the rounding of its threshold; a graph's parameters are float32."""
    network, x = mlp(neuron, norm=True).double(), currents().double()
    export.to_nir(network, tmp_path / "a.nir", dt=DT, discretisation=discretisation)
    graph = nir.read(tmp_path / "a.nir")
    readout, _ = Reader(graph, DT, discretisation == "exact", x.shape[1]).run(x.numpy())
    expected = network.run(x)
    assert fires(expected)
    assert_close(torch.from_numpy(readout), expected.readout.detach(), tolerance=1e-5)


def test_the_wrong_discretisation_is_another_network(tmp_path):
    """What the two kinds of parameters are for."""
    network, x = mlp("threshold").double(), currents().double()
    export.to_nir(network, tmp_path / "a.nir", dt=DT, discretisation="exact")
    readout, _ = Reader(nir.read(tmp_path / "a.nir"), DT, False, x.shape[1]).run(x.numpy())
    assert (torch.from_numpy(readout) - network.run(x).readout).abs().max() > 1e-2


def test_nodes_of_spsn(tmp_path):
    """What does not reset is no LIF; the parameters are those of the equations."""
    network = SpikingMLP(INPUTS, (5,), CLASSES, lambda: ss.SPSN(20e-3, 10e-3, DT, "threshold", threshold=0.7))
    export.to_nir(network, tmp_path / "a.nir", dt=DT, metadata={"data": "shd", "accuracy": 0.9})
    graph = nir.read(tmp_path / "a.nir")
    assert {name: type(node) for name, node in graph.nodes.items()} == {
        "input": nir.Input,
        "affine_1": nir.Affine,
        "neurons_1": nir.CubaLI,
        "neurons_1_threshold": nir.Threshold,
        "affine_readout": nir.Affine,
        "readout": nir.CubaLI,
        "output": nir.Output,
    }
    chain = ["input", "affine_1", "neurons_1", "neurons_1_threshold", "affine_readout", "readout", "output"]
    assert graph.edges == list(pairwise(chain))
    node, alpha, beta = graph.nodes["neurons_1"], np.exp(-0.1), np.exp(-0.05)
    np.testing.assert_allclose(node.tau_syn, np.full(5, DT / (1 - alpha)), rtol=1e-6)
    np.testing.assert_allclose(node.tau_mem, np.full(5, DT / (1 - beta)), rtol=1e-6)
    assert node.tau_mem[0] == pytest.approx(20.504e-3, rel=1e-4)
    np.testing.assert_allclose(node.w_in, node.tau_syn / DT, rtol=1e-6)
    np.testing.assert_array_equal(node.r, np.ones(5))
    np.testing.assert_allclose(graph.nodes["neurons_1_threshold"].threshold, np.full(5, 0.7), rtol=1e-6)
    own = {"dt": DT, "discretisation": "euler", "spikescan": ss.__version__}
    assert graph.metadata == {**own, "data": "shd", "accuracy": 0.9}
    assert graph.check_types()


def test_true_time_constants(tmp_path):
    network = SpikingMLP(INPUTS, (5,), CLASSES, lambda: ss.LIF(20e-3, 10e-3, DT))
    export.to_nir(network, tmp_path / "a.nir", dt=DT, discretisation="exact")
    node = nir.read(tmp_path / "a.nir").nodes["neurons_1"]
    assert isinstance(node, nir.CubaLIF)
    for value, expected in ((node.tau_mem, 20e-3), (node.tau_syn, 10e-3), (node.v_threshold, 1), (node.r, 1)):
        np.testing.assert_allclose(value, np.full(5, expected), rtol=1e-6)


def test_a_layer_without_synapse_is_an_LI_or_an_LIF(tmp_path):
    kinds = iter([ss.SPSN(tau_syn=None, deterministic=True), ss.LIF(tau_syn=None)])
    readout = lambda: ss.LeakyIntegrator(tau_syn=None)  # noqa: E731
    network = SpikingMLP(INPUTS, (5, 4), CLASSES, lambda: next(kinds), readout)
    assert export.to_nir(network, tmp_path / "a.nir", dt=DT) == []
    nodes = nir.read(tmp_path / "a.nir").nodes
    assert [type(nodes[name]) for name in ("neurons_1", "neurons_2", "readout")] == [nir.LI, nir.LIF, nir.LI]
    np.testing.assert_array_equal(nodes["neurons_2"].r, np.ones(4))  # Norse leaves r of an LIF out


@pytest.mark.parametrize("options", [{"readout": None}, {"bias": False}, {"dropout": 0.5}])
def test_other_networks(options, tmp_path):
    network, x = mlp("lif", **options), currents()
    export.to_nir(network, tmp_path / "a.nir", dt=DT)
    assert_close(export.from_nir(tmp_path / "a.nir").run(x).readout, network.run(x).readout.detach(), tolerance=1e-5)


FRAMES = {
    "conv": lambda neuron: ConvNet((4, "average", 5, "average"), 3, neuron, hidden=(6,), sensor=SENSOR, votes=2),
    "resnet19": lambda neuron: ResNet19(3, neuron, width=1, sensor=SENSOR, steps=None),
}


@pytest.mark.parametrize("net", FRAMES)
@pytest.mark.parametrize("neuron", ["lif", "bernoulli"])
def test_frames(net, neuron, tmp_path):
    network = trained(FRAMES[net](NEURONS[neuron])).double()
    assert export.to_nir(network, tmp_path / "a.nir", dt=DT) == []
    x = torch.poisson(torch.full((8, 2, *SENSOR), 0.5, dtype=torch.float64))
    graph = nir.read(tmp_path / "a.nir")
    assert graph.check_types()
    readout, _ = Reader(graph, DT, False, 2).run(x.numpy())
    expected = network.run(x)
    assert all(layer.spikes.any() for layer in expected.layers[:4])
    assert_close(torch.from_numpy(readout), expected.readout.detach(), tolerance=1e-5)


def test_sentences(tmp_path):
    kinds = iter([ss.SPSN(dt=2e-3), ss.LIF(dt=2e-3, reset="soft"), ss.SPSN(dt=2e-3, deterministic=True)])
    network = SpikingMLP(INPUTS, (5, 5, 5), CLASSES, lambda: next(kinds))
    drawn, soft, step = export.to_nir(network, tmp_path / "a.nir", dt=DT)
    assert drawn.startswith("Layer 1: Bernoulli(activation='sigmoid') is exported without draws")
    assert soft.startswith("Layer 2: NIR has no soft reset")
    assert step.startswith("The network's own step is 0.002 s; time constants are written for steps of 0.001 s")
    small = ConvNet((4,), 3, ss.LIF, sensor=SENSOR, size=5)
    assert export.to_nir(small, tmp_path / "a.nir", dt=DT) == [
        "The graph takes frames of 5 x 5 pixels: the network's resizing is left out."
    ]


def test_a_step_of_another_length_keeps_the_decays(tmp_path):
    network, x = mlp("lif"), currents()
    export.to_nir(network, tmp_path / "a.nir", dt=1e-4)
    again = export.from_nir(tmp_path / "a.nir")
    assert again.neurons[0].dt == 1e-4
    assert again.neurons[0].decay_mem().item() == pytest.approx(network.neurons[0].decay_mem().item(), rel=1e-6)
    assert_close(again.run(x).readout, network.run(x).readout.detach(), tolerance=1e-5)


@pytest.mark.parametrize("make", [lambda: ss.LIF(0.0, None), lambda: ss.SPSN(0.0, None, firing="threshold")])
def test_at_its_threshold_nothing_fires(make, tmp_path):
    """Neither ours nor NIR's: both want more than the threshold."""
    network = SpikingMLP(1, (1,), 1, make, None)
    with torch.no_grad():
        network.linears[0].weight.fill_(1.0)
        network.output.weight.fill_(1.0)
    export.to_nir(network, tmp_path / "a.nir", dt=DT)
    x = torch.tensor([1.0, 1.0 + 1e-6, 1.0]).view(3, 1, 1)
    reader = Reader(nir.read(tmp_path / "a.nir"), DT, False, 1)
    for readout in (network(x), export.from_nir(tmp_path / "a.nir")(x), torch.from_numpy(reader.run(x.numpy())[0])):
        assert readout.flatten().tolist() == [0, 1, 0]


INFINITE = lambda: ss.LIF(float("inf"), None, input_gain="unit")  # noqa: E731
REFUSED = {
    "mpe_psn": (ss.MPEPSN, r"^layer 1 \(MPEPSN\): NIR has no node for MPEPSN; export it as torch or onnx"),
    "relu": (ss.ReLU, r"^layer 1 \(ReLU\): NIR has no node for ReLU"),
    "delta": (lambda: ss.SPSN(firing="delta"), r"^layer 1 \(SPSN\): NIR has no node for firing by Delta"),
    "never": (
        lambda: ss.SPSN(firing="threshold_tanh", threshold=1.0),
        r"^layer 1 \(SPSN\): NIR has no node for firing by Threshold",
    ),
    "always": (
        lambda: ss.SPSN(firing="threshold_sigmoid", threshold=-0.1),
        r"^layer 1 \(SPSN\): NIR has no node for firing by Threshold",
    ),
    "infinite": (INFINITE, r"^layer 1 \(LIF\): tau_mem is infinite"),
    "foreign": (torch.nn.Tanh, r"^layer 1 \(Tanh\): it is not known which NIR node a Tanh is"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_has_no_node_is_refused(case, tmp_path):
    neuron, says = REFUSED[case]
    with pytest.raises(ValueError, match=says):
        export.to_nir(SpikingMLP(INPUTS, (5,), CLASSES, neuron), tmp_path / "a.nir", dt=DT)
    assert list(tmp_path.iterdir()) == []


def test_a_time_constant_of_0(tmp_path):
    network = mlp("lif")
    network.neurons[1] = ss.LIF(8e-3, 0.0)
    with pytest.raises(ValueError, match=r'^layer 2 \(LIF\): a time constant of 0 .* discretisation="euler"'):
        export.to_nir(network, tmp_path / "a.nir", dt=DT, discretisation="exact")
    export.to_nir(network, tmp_path / "a.nir", dt=DT)
    x = currents()
    assert_close(export.from_nir(tmp_path / "a.nir").run(x).readout, network.run(x).readout.detach(), tolerance=1e-5)


def test_max_pooling_is_refused(tmp_path):
    network = ConvNet((4, "max", 5), 3, ss.LIF, sensor=SENSOR)
    with pytest.raises(ValueError, match=r"^layer 2: NIR has no node for MaxPool2d"):
        export.to_nir(network, tmp_path / "a.nir", dt=DT)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"delay": ss.AxonalDelay}, r"^network: delays are not written to NIR; export it as torch or onnx"),
        ({"residual": True}, r"^network: residual connections are not written to NIR"),
        ({"neuron": ss.ResonateAndFire}, r"ResonateAndFire"),
    ],
)
def test_what_stands_between_layers_is_refused(options, says, tmp_path):
    with pytest.raises(ValueError, match=says):
        export.to_nir(SpikingMLP(5, (4, 4), 3, **{"neuron": ss.LIF} | options), tmp_path / "a.nir", dt=DT)
    assert not (tmp_path / "a.nir").exists()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"dt": 0.0}, r"^dt: a positive number"),
        ({"dt": float("nan")}, r"^dt: a positive number"),
        ({"dt": "1ms"}, r"^dt: a positive number"),
        ({"dt": DT, "discretisation": "heun"}, r"^discretisation: 'heun' is not euler or exact"),
        ({"dt": DT, "metadata": {"dt": 1}}, r"^metadata: 'dt' is written by the export itself"),
        ({"dt": DT, "metadata": {"a": object()}}, r"^metadata: .*object is not JSON.*; numbers, text"),
    ],
)
def test_bad_arguments_are_named(options, says, tmp_path):
    with pytest.raises(ValueError, match=says):
        export.to_nir(mlp(), tmp_path / "a.nir", **options)
