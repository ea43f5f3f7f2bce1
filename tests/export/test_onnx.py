"""ONNX models of one step, run by onnxruntime."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from export_nets import CLASSES, INPUTS, B, currents, fires, mlp, trained
from tolerances import assert_close

import spikescan as ss
from spikescan import export
from spikescan.errors import InputError
from spikescan.networks import ConvNet

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
SENSOR = (2, 6, 6)


def run(file, x):
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    first, *carried = session.get_inputs()
    assert first.name == "x"
    dtype = x.numpy().dtype
    state = {each.name: np.zeros((x.shape[1], *each.shape[1:]), dtype) for each in carried}
    readouts = []
    for current in x.numpy():
        readout, *after = session.run(None, {"x": current, **state})
        state = dict(zip(state, after))
        readouts.append(torch.from_numpy(readout))
    return torch.stack(readouts)


@pytest.mark.parametrize("neurons", [("bernoulli", "gumbel", "delta"), ("relu", "lif_soft", "mpe_current")], ids=str)
def test_it_computes_the_same(neurons, tmp_path):
    """An export takes a second: a network has several kinds of layers."""
    network = mlp(*neurons, norm=True)
    export.to_onnx(network, tmp_path / "step.onnx")
    onnx.checker.check_model(tmp_path / "step.onnx", full_check=True)
    for rows in (1, B):
        x = currents(rows=rows)
        out = network.run(x)
        assert fires(out)
        assert_close(run(tmp_path / "step.onnx", x), out.readout.detach(), tolerance=1e-5)


def test_float64(tmp_path):
    network, x = mlp("lif").double(), currents().double()
    export.to_onnx(network, tmp_path / "step.onnx")
    assert_close(run(tmp_path / "step.onnx", x), network.run(x).readout.detach())


NETS = {
    "conv": lambda neuron: ConvNet((3, "max", 4, "average"), 3, neuron, sensor=SENSOR),
    "resized": lambda neuron: ConvNet((3,), 3, neuron, sensor=SENSOR, size=4),
}


@pytest.mark.parametrize("net", NETS)
def test_frames(net, tmp_path):
    network = trained(NETS[net](lambda: ss.LIF(5e-3, None, threshold=0.1)))
    export.to_onnx(network, tmp_path / "step.onnx")
    x = torch.poisson(torch.ones(6, 2, *SENSOR))
    assert_close(run(tmp_path / "step.onnx", x), network.run(x).readout.detach(), tolerance=1e-5)


def test_names_operators_and_metadata(tmp_path):
    network = mlp("lif_vanilla")
    assert export.to_onnx(network, tmp_path / "step.onnx", metadata={"labels": ["no", "yes"]}) == []
    model = onnx.load(tmp_path / "step.onnx")
    names = ["layer1.potential", "layer2.potential", "readout.synapse", "readout.potential"]
    assert [each.name for each in model.graph.input] == ["x", *names]
    assert [each.name for each in model.graph.output] == ["readout", *(f"{name}.next" for name in names)]
    assert {each.type.tensor_type.shape.dim[0].dim_param for each in model.graph.input} == {"batch"}
    assert {each.domain for each in model.graph.node} == {""}
    assert not model.functions
    described = json.loads({each.key: each.value for each in model.metadata_props}["spikescan"])
    assert [each["name"] for each in described["state"]] == names
    assert described["metadata"] == {"labels": ["no", "yes"]}
    assert described["input"] == [INPUTS]
    assert list(model.graph.output[0].type.tensor_type.shape.dim)[1].dim_value == CLASSES


def test_importing_loads_no_format():
    """What only one of them needs is imported when it is asked for."""
    program = "import sys, spikescan.export; print({'nir', 'onnx', 'onnxscript', 'onnxruntime'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("missing", ["onnx", "onnxscript"])
def test_what_is_missing_is_named(missing, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(InputError, match=rf"^{missing} is needed .*: pip install 'spikescan\[export\]'"):
        export.to_onnx(mlp(), tmp_path / "step.onnx")
