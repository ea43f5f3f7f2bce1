"""`spikescan demo`."""

import json
from types import SimpleNamespace

from spikescan import demonstration
from spikescan.training import recipe_files

TINY = {"network.hidden": [12, 8], "training.batch_size": 8, "training.device": "cpu"}


def test_demo_compares_both_neurons(call, speech, store, tmp_path, monkeypatch):
    def small(name, changes):
        assert name == "digits"
        return recipe_files.load(
            "shd", changes | {"data.root": str(speech), "data.channels": 20, "data.pool": 1} | TINY
        )

    monkeypatch.setattr(demonstration, "recipe_files", SimpleNamespace(load=small))
    shown = call("demo", "--out", tmp_path / "demo", "--epochs", 2, "--store", store).stdout
    for word in ("spsn-gs", "lif", "test accuracy", "seconds per epoch", "spikes/ms", "comparison.png"):
        assert word in shown
    assert (tmp_path / "demo" / "comparison.png").stat().st_size > 10_000
    call("demo", "--out", tmp_path / "demo", "--epochs", 2, "--store", store, code=2)
    again = call("demo", "--out", tmp_path / "demo", "--epochs", 1, "--store", store, "--overwrite", "--json")
    assert json.loads(again.stdout)["runs"].keys() == {"spsn-gs", "lif"}
