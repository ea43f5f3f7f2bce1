"""`spikescan export` and `spikescan import`: a trained run as a file that others read, and one of theirs read here."""

import json

import nir
import onnx
import pytest
import torch
from safetensors.torch import load_file

import spikescan as ss


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory, trained_once):
    return trained_once(tmp_path_factory.mktemp("export") / "run")


def test_nir_out_and_in_again(call, run_folder, tmp_path):
    out = tmp_path / "run.nir"
    result = call("export", run_folder, "--format", "nir", "--out", out)
    assert result.stdout.strip() == str(out)
    assert "is exported without draws" in result.stderr
    graph = nir.read(out)
    assert graph.metadata["dt"] == pytest.approx(10e-3)
    assert json.loads(graph.metadata["class_names"]) == list(ss.load(run_folder).class_names)
    assert "--overwrite replaces it" in call("export", run_folder, "--format", "nir", "--out", out, code=2).stderr
    weights = tmp_path / "weights.safetensors"
    call("import", out, "--out", weights)
    own = {tuple(tensor.shape) for tensor in ss.load(run_folder).network.state_dict().values() if tensor.dim() == 2}
    assert own == {tuple(tensor.shape) for tensor in load_file(weights).values() if tensor.dim() == 2}


@pytest.mark.parametrize("kind", ["onnx", "torch"])
def test_one_step_without_the_package(call, run_folder, tmp_path, kind):
    out = tmp_path / f"step.{kind}"
    told = json.loads(call("export", run_folder, "--format", kind, "--out", out, "--json").stdout)
    assert told["file"] == str(out)
    assert any("draw" in note for note in told["notes"])
    if kind == "onnx":
        described = {item.key: item.value for item in onnx.load(out).metadata_props}["spikescan"]
    else:
        files = {"spikescan.json": ""}
        torch.export.load(out, extra_files=files)
        described = files["spikescan.json"]
    assert json.loads(described)["metadata"]["class_names"] == list(ss.load(run_folder).class_names)


def test_what_cannot_be_read_is_named(call, tmp_path):
    (tmp_path / "no.nir").write_bytes(b"not a graph")
    assert "no.nir" in call("import", tmp_path / "no.nir", "--out", tmp_path / "w", code=2).stderr
    refused = call("export", tmp_path, "--format", "nir", "--out", tmp_path / "x", code=2)
    assert "not the folder of a run" in refused.stderr
