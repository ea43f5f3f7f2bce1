"""torch.export programs of one step: of ATen operators, and run where spikescan cannot be imported."""

import json
import subprocess
import sys

import pytest
import torch
from export_nets import CLASSES, INPUTS, B, T, currents, fires, mlp, trained
from tolerances import assert_close
from torch import Tensor, nn

import spikescan as ss
from spikescan import export
from spikescan.errors import InputError
from spikescan.firing import Firing
from spikescan.networks import ConvNet, SpikingMLP

SENSOR = (2, 6, 6)
PROGRAM = """
import json, sys, warnings
import torch
sys.modules["spikescan"] = None  # importing it raises ModuleNotFoundError
outputs, namespaces = {}, set()
for file, x in torch.load(sys.argv[1]).items():
    described = {"spikescan.json": ""}
    program = torch.export.load(file, extra_files=described)
    for node in program.graph.nodes:
        namespaces |= {getattr(node.target, "namespace", "aten")}
    step, described = program.module(), json.loads(described["spikescan.json"])
    state = [torch.zeros(x.shape[1], *each["shape"], dtype=x.dtype) for each in described["state"]]
    readouts = []
    for current in x:
        readout, *state = step(current, *state)
        readouts.append(readout.detach())
    outputs[file] = torch.stack(readouts)
torch.save({"outputs": outputs, "namespaces": sorted(namespaces)}, sys.argv[2])
"""


def cases() -> dict[str, tuple[nn.Module, Tensor]]:
    """Networks with every kind of layer, and their inputs. An export takes a second: a network has several kinds."""
    conv = ConvNet((3, "max", 4, "average"), 3, lambda: ss.LIF(5e-3, None, threshold=0.1), sensor=SENSOR)
    return {
        "no reset": (mlp("relu", "delta", "custom", "bernoulli", norm=True), currents()),
        "in sequence": (mlp("mpe_previous", "lif_soft", "lif_learned", norm=True), currents()),
        "one row of float64": (mlp("lif", "gumbel").double(), currents(rows=1).double()),
        "conv": (trained(conv), torch.poisson(torch.ones(T, B, *SENSOR))),
    }


def test_it_computes_the_same_without_spikescan(tmp_path):
    """One process for all, in which spikescan cannot be imported, of torch's own operators."""
    networks = cases()
    for name, (network, _) in networks.items():
        export.to_torch(network, tmp_path / f"{name}.pt2")
    torch.save({str(tmp_path / f"{name}.pt2"): x for name, (_, x) in networks.items()}, tmp_path / "inputs")
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "inputs"), str(tmp_path / "outputs")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    result = torch.load(tmp_path / "outputs")
    for name, (network, x) in networks.items():
        out = network.run(x)
        assert fires(out), name
        assert_close(result["outputs"][str(tmp_path / f"{name}.pt2")], out.readout.detach(), name, tolerance=1e-5)
    assert result["namespaces"] == ["aten"]


def test_the_description(tmp_path):
    network = trained(SpikingMLP(INPUTS, (5,), CLASSES, lambda: ss.MPEPSN(estimate="current")))
    sentences = export.to_torch(network, tmp_path / "step.pt2", metadata={"labels": ["no", "yes"]})
    assert sentences == [
        "Layer 1: MPEPSN is exported without draws: (1 - σ(I))·I stands for the estimate of the membrane."
    ]
    described = {"spikescan.json": ""}
    torch.export.load(tmp_path / "step.pt2", extra_files=described)
    assert json.loads(described["spikescan.json"]) == {
        "spikescan": ss.__version__,
        "dtype": "float32",
        "input": [INPUTS],
        "state": [
            {"name": "layer1.begun", "shape": [1]},
            {"name": "readout.synapse", "shape": [CLASSES]},
            {"name": "readout.potential", "shape": [CLASSES]},
        ],
        "notes": sentences,
        "metadata": {"labels": ["no", "yes"]},
    }


def test_sentences():
    """One for each kind of layer that draws, none where nothing does."""
    kinds = iter([ss.SPSN(), ss.LIF(), ss.SPSN(firing="gumbel", deterministic=True), ss.SPSN()])
    network = SpikingMLP(INPUTS, (5,) * 4, CLASSES, lambda: next(kinds))
    says = "Bernoulli(activation='sigmoid') is exported without draws: it fires where its probability exceeds 1/2."
    assert export._torch.deterministic_forms(network) == [f"Layers 1, 4: {says}"]
    assert export._torch.deterministic_forms(mlp("lif")) == []


def test_an_image_is_shown_several_times(tmp_path):
    network = ConvNet((3,), 3, ss.MPEPSN, sensor=SENSOR, steps=4)
    assert "Run the step 4 times on each image" in export.to_torch(network, tmp_path / "step.pt2")[-1]


def test_a_firing_function_of_foreign_operators_is_refused(tmp_path):
    class Scanned(Firing):
        def __call__(self, potential, previous, uniform, threshold):
            return ss.linear_scan(potential[None], decay=0.5, backend="native")[0]

    network = trained(SpikingMLP(INPUTS, (5,), CLASSES, lambda: ss.SPSN(firing=Scanned())))
    with pytest.raises(ValueError, match=r"^network: spikescan::.* is not an operator of torch"):
        export.to_torch(network, tmp_path / "step.pt2")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("write", [export.to_torch, export.to_onnx])
def test_bad_metadata(write, tmp_path):
    with pytest.raises(ValueError, match=r"^metadata: Object of type object"):
        write(mlp(), tmp_path / "step", metadata={"a": object()})
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written(tmp_path):
    with pytest.raises(InputError, match=r"missing.step\.pt2: the export cannot be written \(No such file"):
        export.to_torch(mlp("relu"), tmp_path / "missing" / "step.pt2")


def test_an_older_file_is_replaced(tmp_path):
    file = tmp_path / "step.pt2"
    file.write_text("old")
    export.to_torch(mlp("relu"), file)
    torch.export.load(file)
    assert [each.name for each in tmp_path.iterdir()] == ["step.pt2"]
