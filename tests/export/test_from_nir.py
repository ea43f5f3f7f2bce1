"""NIR graphs that others may have written, good and bad."""

import sys

import numpy as np
import pytest
import torch
from export_nets import currents, mlp
from tolerances import assert_close

import spikescan as ss
from spikescan import export
from spikescan.errors import InputError

nir = pytest.importorskip("nir")
from nir_reader import Reader  # noqa: E402

RNG = np.random.default_rng(1)
N, M, DT = 4, 3, 1e-3


def each(value, size=N):
    return np.full(size, value, "f4")


def affine(inputs=N, outputs=N):
    weight, bias = RNG.normal(size=(outputs, inputs)), 0.3 * RNG.normal(size=outputs)
    return nir.Affine(weight=weight.astype("f4"), bias=bias.astype("f4"))


def cuba_lif(**options):
    """Parameters that differ from neuron to neuron and scale the input, as none of our own graphs does."""
    parameters = {
        "tau_syn": np.linspace(3e-3, 8e-3, N),
        "tau_mem": np.linspace(9e-3, 4e-3, N),
        "r": np.linspace(0.5, 2.0, N),
        "v_leak": np.zeros(N),
        "v_threshold": np.linspace(0.1, 0.4, N),
        "w_in": np.linspace(3.0, 1.0, N),
    }
    return nir.CubaLIF(**{**parameters, **options})


def lif(**options):
    return nir.LIF(**{"tau": each(5e-3), "r": each(2.0), "v_leak": each(0), "v_threshold": each(0.3), **options})


def li(size=N, **options):
    return nir.LI(**{"tau": each(5e-3, size), "r": each(2.5, size), "v_leak": each(0, size), **options})


def cuba_li(size=N):
    return nir.CubaLI(each(4e-3, size), each(6e-3, size), each(2.0, size), each(0, size), np.linspace(1, 4, size))


GRAPHS = {
    "cuba_lif": lambda: [affine(), cuba_lif(), affine(N, M), li(M)],
    "lif": lambda: [affine(), lif(), affine(N, M)],
    "lif_as_snntorch_writes": lambda: [affine(), lif(r=each(5.0), v_threshold=each(1.0)), affine(N, M)],
    "two": lambda: [affine(), lif(), affine(), cuba_lif(), affine(N, M), cuba_li(M)],
    "thresholds": lambda: [affine(), cuba_li(), nir.Threshold(np.linspace(0.2, 0.9, N)), affine(N, M), li(M)],
    "li_threshold": lambda: [affine(), li(), nir.Threshold(each(0.4)), nir.Linear(affine(N, M).weight)],
    "ends_in_spikes": lambda: [affine(), lif(), affine(), lif()],
    "linear": lambda: [affine(N, M)],
}


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("discretisation", ["euler", "exact"])
def test_graphs_of_others(name, discretisation, tmp_path):
    graph = nir.NIRGraph.from_list(*GRAPHS[name]())
    graph.metadata = {"discretisation": discretisation} if discretisation == "exact" else {}
    nir.write(tmp_path / "a.nir", graph)
    network = export.from_nir(tmp_path / "a.nir", dt=DT).double()
    x = torch.randn(60, 2, N, dtype=torch.float64)
    expected, _ = Reader(nir.read(tmp_path / "a.nir"), DT, discretisation == "exact", 2).run(x.numpy())
    output = network.run(x)
    assert all(0 < layer.spikes.mean() < 1 for layer in output.layers)
    assert_close(output.readout.detach(), torch.from_numpy(expected), tolerance=1e-5)


def test_what_is_learned_goes_on(tmp_path):
    """An imported network can be trained, and saved."""
    nir.write(tmp_path / "a.nir", nir.NIRGraph.from_list(*GRAPHS["thresholds"]()))
    network = export.from_nir(tmp_path / "a.nir", dt=DT)
    network.run(torch.randn(20, 2, N)).readout.sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
    assert "neurons.0.threshold" in network.state_dict()


def test_a_shorter_step_than_the_file_says(tmp_path):
    network = mlp("lif")
    export.to_nir(network, tmp_path / "a.nir", dt=DT, discretisation="exact")
    finer = export.from_nir(tmp_path / "a.nir", dt=DT / 2)
    assert finer.neurons[0].dt == DT / 2
    assert finer.neurons[0].decay_mem().item() == pytest.approx(network.neurons[0].decay_mem().item() ** 0.5, rel=1e-6)


def branched():
    graph = nir.NIRGraph.from_list(affine(), lif(), affine(N, M))
    graph.nodes["back"] = affine()
    graph.edges += [("lif", "back"), ("back", "lif")]
    return graph


def two_inputs():
    graph = nir.NIRGraph.from_list(affine(), lif(), affine(N, M))
    graph.nodes["more"] = nir.Input({"input": np.array([N])})
    graph.edges.append(("more", "affine"))
    return graph


def loose_end():
    graph = nir.NIRGraph.from_list(affine(), lif(), affine(N, M))
    graph.nodes |= {"loose": lif(), "looser": affine()}
    graph.edges += [("loose", "looser"), ("looser", "loose")]
    return graph


def noted(**metadata):
    graph = nir.NIRGraph.from_list(affine(), lif(metadata=metadata), affine(N, M))
    return graph


BAD = affine()
BAD.weight[1, 2] = np.nan
REFUSED = {
    "recurrent": (branched, r"node 'affine': its edges branch, meet or return; .* lateral"),
    "two inputs": (two_inputs, r"one Input is needed, found 2"),
    "loose": (loose_end, r"node 'loose': lies on no path"),
    "empty": (lambda: nir.NIRGraph.from_list(nir.Input({"input": np.array([N])})), r"there is no layer between"),
    "no weights": ([lif()], r"node 'lif': LIF, where a SpikingMLP has Linear or Affine"),
    "two weights": ([affine(), affine()], r"node 'affine_1': spikescan has no neuron for NIR's Affine"),
    "IF": ([affine(), nir.IF(each(1), each(1))], r"node 'if': spikescan has no neuron for NIR's IF"),
    "delay": ([nir.Delay(each(1)), affine()], r"node 'delay': Delay, where"),
    "no threshold": ([affine(), li(), affine(), lif()], r"node 'affine_1': Affine follows the leaky integrator 'li'"),
    "v_leak": ([affine(), lif(v_leak=each(0.1))], r"node 'lif': v_leak is not 0"),
    "v_reset": ([affine(), lif(v_reset=each(-1.0))], r"node 'lif': v_reset is not 0"),
    "r": ([affine(), lif(r=each(-1.0))], r"node 'lif': r: a positive resistance is needed, found -1"),
    "tau": ([affine(), lif(tau=each(0.0))], r"node 'lif': tau: a positive time constant is needed, found 0"),
    "short": ([affine(), lif(tau=each(1e-4))], r"node 'lif': tau of 0.0001 s is shorter than a step of dt = 0.001 s"),
    "nan": ([BAD, lif()], r"node 'affine': weight has values that are not finite"),
    "size": ([affine(), lif(), li()], r"node 'li': LI, where a SpikingMLP has"),
    "reset": (lambda: noted(reset="half"), r"node 'lif': its metadata say reset 'half'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_graph_that_does_not_fit_is_refused(case, tmp_path):
    graph, says = REFUSED[case]
    graph = graph() if callable(graph) else nir.NIRGraph.from_list(*graph)
    nir.write(tmp_path / "a.nir", graph)
    with pytest.raises(InputError, match=rf"a\.nir: {says}"):
        export.from_nir(tmp_path / "a.nir", dt=DT)


def test_convolutions_are_refused(tmp_path):
    network = ss.networks.ConvNet((4,), 3, ss.LIF, sensor=(2, 5, 5))
    export.to_nir(network, tmp_path / "a.nir", dt=DT)
    with pytest.raises(InputError, match=r"a\.nir: node 'conv2d_1_0': Conv2d, where"):
        export.from_nir(tmp_path / "a.nir")


@pytest.mark.parametrize(
    ("metadata", "dt", "says"),
    [
        ({}, None, r"does not say how long a step is; give dt"),
        ({"dt": "soon"}, None, r"dt: a number of seconds is needed, found 'soon'"),
        ({"dt": -1.0}, None, r"dt: a positive number of seconds is needed, found -1"),
        ({"dt": DT}, float("inf"), r"dt: a positive number of seconds is needed, found inf"),
        ({"dt": DT, "discretisation": "heun"}, None, r"discretisation: 'heun' is not euler or exact"),
    ],
)
def test_the_step(metadata, dt, says, tmp_path):
    nir.write(tmp_path / "a.nir", nir.NIRGraph.from_list(affine(), lif()))
    graph = nir.read(tmp_path / "a.nir")
    graph.metadata = metadata
    nir.write(tmp_path / "a.nir", graph)
    with pytest.raises(InputError, match=rf"a\.nir: .*{says}"):
        export.from_nir(tmp_path / "a.nir", dt=dt)


def broken(folder):
    """Files that are no NIR graphs, by what is wrong with them."""
    good = folder / "good.nir"
    export.to_nir(mlp(), good, dt=DT)
    contents = good.read_bytes()
    h5py = pytest.importorskip("h5py")
    (folder / "empty.nir").write_bytes(b"")
    (folder / "text.nir").write_text("node: LIF")
    (folder / "cut.nir").write_bytes(contents[: len(contents) // 2])
    with h5py.File(folder / "other.nir", "w") as file:
        file["spikes/times"] = np.zeros(3)
    for name, path, value in (
        ("type.nir", "node/nodes/neurons_1/type", "Perceptron"),
        ("edges.nir", "node/edges", [["a", "b"]]),
    ):
        (folder / name).write_bytes(contents)
        with h5py.File(folder / name, "a") as file:
            del file[path]
            file[path] = value
    nir.write(folder / "node.nir", lif())
    return ["empty.nir", "text.nir", "cut.nir", "other.nir", "type.nir", "edges.nir", "node.nir"]


def test_files_that_are_no_graphs(tmp_path):
    for name in broken(tmp_path):
        with pytest.raises(InputError, match=rf"{name}: (not a NIR graph that nir|holds a single LIF node)"):
            export.from_nir(tmp_path / name)
    with pytest.raises(InputError, match=r"none\.nir: there is no such file"):
        export.from_nir(tmp_path / "none.nir")
    with pytest.raises(InputError, match=r"there is no such file"):
        export.from_nir(tmp_path)


def test_nir_is_not_installed(tmp_path, monkeypatch):
    export.to_nir(mlp(), tmp_path / "a.nir", dt=DT)
    monkeypatch.setitem(sys.modules, "nir", None)
    export._nir_neurons.nir.cache_clear()
    for call in (lambda: export.from_nir(tmp_path / "a.nir"), lambda: export.to_nir(mlp(), tmp_path / "b.nir", dt=DT)):
        with pytest.raises(InputError, match=r"^nir is needed for this format .*: pip install 'spikescan\[export\]'"):
            call()
    monkeypatch.undo()
    assert len(export.from_nir(tmp_path / "a.nir").run(currents()).layers) == 2
