"""Other packages' neurons do what they are measured for, and forget what they saw; or a sentence says why not."""

from types import SimpleNamespace

import pytest
import torch
from tolerances import assert_close

import spikescan as ss
from spikescan.bench import peers


@pytest.fixture
def x():
    return (2 * torch.randn(40, 3, 5, dtype=torch.float64) + 2).requires_grad_()


def gradient(out, x):
    return torch.autograd.grad(out, x, torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view_as(out))[0]


def test_spikingjelly_is_our_lif_without_a_synapse(x):
    """In spikes and gradient, and the second time too."""
    pytest.importorskip("spikingjelly")
    (peer,) = peers.spikingjelly("cpu")
    call, expected = peer.make(x), ss.LIF(tau_syn=None, surrogate="arctan", backend="reference")(x)
    slope = gradient(expected, x)
    assert 0.01 < expected.mean() < 0.9
    for _ in range(2):
        out = call(x)
        assert torch.equal(out, expected)
        assert_close(gradient(out, x), slope)


def test_spikingjelly_goes_over_the_sequence_in_one_call(x, monkeypatch):
    pytest.importorskip("spikingjelly")
    from spikingjelly.activation_based.neuron import LIFNode

    modes, forward = [], LIFNode.forward
    monkeypatch.setattr(LIFNode, "forward", lambda node, x: modes.append((node.step_mode, x.shape)) or forward(node, x))
    (peer,) = peers.spikingjelly("cpu")
    peer.make(x)(x)
    assert modes == [("m", x.shape)]


@pytest.mark.parametrize("name", ["Leaky", "StateLeaky"])
def test_snntorch_gives_spikes_and_gradients(x, name):
    pytest.importorskip("snntorch")
    (peer,) = (peer for peer in peers.snntorch("cpu") if peer.name.split()[-1] == name)
    assert peer.linear == (name == "Leaky")
    x = x.detach().float().requires_grad_()
    call = peer.make(x)
    out = call(x)
    assert out.shape == x.shape
    assert set(out.unique().tolist()) == {0, 1}
    assert torch.equal(call(x), out)
    assert (gradient(out, x) != 0).any(0).all()


@pytest.mark.parametrize(("package", "lacks"), [("SpikingJelly", "neuron_implementation"), ("snnTorch", "Leaky")])
def test_a_package_of_another_version_is_skipped_with_a_sentence(package, lacks, monkeypatch):
    monkeypatch.setattr(peers, "metadata", SimpleNamespace(version=lambda name: "0.1"))
    monkeypatch.setattr(peers, "import_module", lambda name: SimpleNamespace())
    found, (sentence,) = peers.find("cpu", [package])
    assert found == []
    assert sentence.startswith(f"{package} is not measured: its version 0.1 is not known here")
    assert lacks in sentence


def test_a_package_without_a_kernel_is_skipped_with_a_sentence(monkeypatch):
    def refuse(kind, device):
        raise RuntimeError(f"no {kind} there")

    monkeypatch.setattr(peers, "import_module", lambda name: SimpleNamespace(neuron_implementation=refuse))
    found, (sentence,) = peers.find("cpu", ["SpikingJelly"])
    assert found == []
    assert sentence == "SpikingJelly is not measured: it has no kernel on cpu (no lif there)"
