"""The plane of random directions: normalised by filter, centred on the weights, and left as it was found."""

import json

import numpy as np
import pytest
import torch

from spikescan.papers._landscape import direction, landscape
from spikescan.training import recipe_files
from spikescan.training.build import material
from spikescan.training.evaluate import evaluate

HOW = {"points": 3, "reach": 1.0, "each": 2}


@pytest.fixture(scope="module")
def stuff(tmp_path_factory):
    changes = {"network.hidden": [8], "neuron.name": "mpe-psn", "data.frames": 4, "data.limit": 2}
    recipe = recipe_files.load("digits", changes).resolved()
    return material(recipe, tmp_path_factory.mktemp("store"))


def test_every_filter_has_the_norm_of_its_weights(stuff):
    network = stuff.network()
    one, other = direction(network, 0), direction(network, 1)
    assert set(one) == {name for name, weight in network.named_parameters() if weight.dim() > 1}
    for name, weight in network.named_parameters():
        if name in one:
            torch.testing.assert_close(one[name].flatten(1).norm(dim=1), weight.flatten(1).norm(dim=1))
            assert not torch.equal(one[name], other[name])


def test_the_middle_is_the_training_loss_and_the_weights_stay(stuff, tmp_path):
    network = stuff.network().eval()
    before = {name: weight.clone() for name, weight in network.state_dict().items()}
    rows = np.array(landscape(network, stuff, HOW, 0, "cpu", tmp_path / "kept.json", print))
    assert rows.shape == (3, 3)
    assert rows[1, 1] == pytest.approx(evaluate(network, stuff, "train").loss, abs=0.05)  # other samples, other draws
    assert len(np.unique(rows)) > 5
    for name, weight in network.state_dict().items():
        assert torch.equal(weight, before[name])


def test_it_goes_on_where_it_was_stopped(stuff, tmp_path):
    network, kept, said = stuff.network().eval(), tmp_path / "kept.json", []
    whole = landscape(network, stuff, HOW, 0, "cpu", kept, said.append)
    kept.write_text(json.dumps(whole[:2]))
    said.clear()
    assert landscape(network, stuff, HOW, 0, "cpu", kept, said.append) == whole
    assert said == ["loss landscape: row 3 of 3"]
