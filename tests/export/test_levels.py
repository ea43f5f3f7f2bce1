"""The potential over which a neuron fires without draws."""

import math

import pytest
import torch
from export_nets import DT, INPUTS, mlp
from tolerances import assert_close

import spikescan as ss
from spikescan import export
from spikescan.export._levels import firing_level
from spikescan.export._step import NetworkStep
from spikescan.firing import FIRINGS, Bernoulli, Escape, Gumbel, Threshold

RISING = {
    "bernoulli": (Bernoulli(), 0.0),
    "relu_tanh": (Bernoulli("relu_tanh"), math.atanh(0.5)),
    "gumbel": (Gumbel(), 0.0),
    "tempered": (Gumbel(0.3), 0.0),
    "escape": (Escape(), 1 - math.log(2)),
    "escape_wide": (Escape(3.0, -0.5, 0.2), -0.5 + 0.2 * math.log(1.5)),
    "identity": (Threshold(), 0.3),
    "sigmoid": (Threshold("sigmoid"), math.log(0.3 / 0.7)),
    "tanh": (Threshold("tanh"), math.atanh(0.3)),
    "threshold_relu_tanh": (Threshold("relu_tanh"), math.atanh(0.3)),
}


@pytest.mark.parametrize("name", RISING)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_it_fires_from_the_next_number_on(name, dtype):
    firing, expected = RISING[name]
    threshold = torch.tensor(0.3, dtype=dtype) if isinstance(firing, Threshold) else None
    level = firing_level(firing, threshold, dtype)
    assert level.dtype == dtype
    assert float(level) == pytest.approx(expected, abs=4 * torch.finfo(dtype).eps)
    following = torch.nextafter(level, torch.tensor(torch.inf, dtype=dtype))
    assert firing(level, level, None, threshold) == 0
    assert firing(following, following, None, threshold) == 1


def test_a_level_for_each_threshold():
    threshold = torch.tensor([0.0, 0.1, 0.9])
    level = firing_level(Threshold("relu_tanh"), threshold, torch.float32)
    torch.testing.assert_close(level, torch.atanh(threshold))


@pytest.mark.parametrize(
    ("activation", "threshold"), [("tanh", 1.0), ("tanh", -1.5), ("sigmoid", -0.1), ("relu_tanh", -0.1)]
)
def test_what_never_fires_or_always_has_none(activation, threshold):
    assert firing_level(Threshold(activation), torch.tensor(threshold), torch.float32) is None


def test_which_firing_functions_have_one():
    threshold = torch.tensor(0.5)
    found = {name for name, firing in FIRINGS.items() if firing_level(firing, threshold, torch.float32) is not None}
    assert found == {name for name in FIRINGS if "delta" not in name}


@pytest.mark.parametrize("neuron", ["bernoulli", "gumbel", "threshold", "lif"])
@torch.no_grad()
def test_after_a_silence(neuron, tmp_path):
    """Potentials that decay pass through the smallest numbers, where 0 would be another level than rounding's."""
    network = mlp(neuron, bias=False)
    x = torch.randn(1500, 4, INPUTS)
    x[200:1200] = 0
    expected = network.run(x)
    export.to_nir(network, tmp_path / "a.nir", dt=DT)
    again = export.from_nir(tmp_path / "a.nir").run(x)
    for found, layer in zip(again.layers, expected.layers, strict=True):
        assert torch.equal(found.spikes, layer.spikes)
    step = NetworkStep(network)
    state, readouts = step.rest(4), []
    for current in x:
        readout, *state = step(current, *state)
        readouts.append(readout)
    assert_close(torch.stack(readouts), expected.readout, tolerance=1e-5)


def test_a_neuron_that_never_fires_is_exported_all_the_same():
    network = ss.networks.SpikingMLP(3, (2,), 2, lambda: ss.SPSN(firing="threshold_tanh", threshold=1.0))
    step = NetworkStep(network)
    readout, *_ = step(torch.full((1, 3), 1e6), *step.rest(1))
    assert readout.tolist() == [[0, 0]]
