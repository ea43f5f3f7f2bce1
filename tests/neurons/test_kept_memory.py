"""What a layer keeps alive for the backward pass, and the type of its spikes."""

import pytest
import torch

import spikescan as ss
from spikescan.firing import Threshold

NEURONS = {
    "bernoulli": lambda **o: ss.SPSN(**o),
    "gumbel": lambda **o: ss.SPSN(firing="gumbel", **o),
    "escape": lambda **o: ss.SPSN(firing="escape", **o),
    "threshold": lambda **o: ss.SPSN(firing="threshold", **o),
    "relu": lambda **o: ss.SPSN(firing=Threshold("relu_tanh", "triangular", 0.45), **o),  # 0.45 in 16 bits is less
    "lif": lambda **o: ss.LIF(**o),
    "lif soft": lambda **o: ss.LIF(reset="soft", detach_reset=False, surrogate="triangular", **o),
}


def kept(neuron, x):
    """Bytes of all storages that the layer's graph holds."""
    storages = {}

    def hold(tensor):
        storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(hold, lambda tensor: tensor):
        neuron(x, seed=1)
    return sum(storages.values())


@pytest.mark.parametrize("name", NEURONS)
def test_bytes_kept_alive(name):
    x = torch.randn(500, 8, 64).requires_grad_()
    assert kept(NEURONS[name](), x) <= 4.2 * x.numel()
    assert kept(NEURONS[name](memory="half"), x) <= 2.2 * x.numel()


@pytest.mark.parametrize("name", NEURONS)
def test_half_memory_changes_no_spike_and_gradients_little(name):
    torch.manual_seed(0)
    x = torch.randn(300, 4, 20).mul(3).requires_grad_()
    cotangent = torch.randn_like(x)
    found = []
    for memory in ("full", "half"):
        spikes = NEURONS[name](memory=memory)(x, seed=1)
        found.append((spikes, *torch.autograd.grad(spikes, x, cotangent)))
    (full, grad), (half, rough) = found
    assert torch.equal(full, half)
    assert 0 < float((rough - grad).norm() / grad.norm()) < 2e-3


def test_half_memory_holds_what_is_very_far_from_the_threshold_and_what_is_very_near():
    x = torch.zeros(6, 1, 4)
    x[1, 0, 1], x[1, 0, 2] = 1e5, -1e5
    found = []
    for memory in ("full", "half"):
        y = x.clone().requires_grad_()
        ss.LIF(0.0, None, memory=memory)(y).sum().backward()
        found.append(y.grad)
    torch.testing.assert_close(found[1], found[0], rtol=2e-3, atol=2e-3)
    near = torch.tensor([1e-4 + 1e-8, 0.0]).view(2, 1, 1).requires_grad_()
    neuron = ss.LIF(float("inf"), None, input_gain="unit", threshold=1e-4, memory="half")
    neuron.run(near, potentials=True).potential.sum().backward()
    assert near.grad.flatten().tolist() == [0, 1]  # it fired, and was reset


@pytest.mark.parametrize("backend", ["reference", "fft"])
def test_half_memory_needs_a_fused_kernel(backend):
    with pytest.raises(ValueError, match="memory: 'half'"):
        ss.SPSN(memory="half", backend=backend)(torch.randn(3, 2, 4))


def test_half_memory_is_not_for_delta():
    with pytest.raises(ValueError, match="except delta"):
        ss.SPSN(firing="delta", memory="half")
    with pytest.raises(ValueError, match="memory: 'little'"):
        ss.LIF(memory="little")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.uint8, torch.bool])
def test_spikes_of_the_type_asked_for(dtype):
    x = torch.randn(50, 2, 8)
    spikes = ss.SPSN(spike_dtype=dtype)(x, seed=3)
    assert spikes.dtype == dtype
    assert torch.equal(spikes.float(), ss.SPSN()(x, seed=3))


def test_whole_numbers_carry_no_gradient():
    x = torch.randn(5, 2, 3, requires_grad=True)
    with pytest.raises(ValueError, match="carries no gradient"):
        ss.LIF(spike_dtype=torch.uint8)(x)
    with torch.no_grad():
        assert ss.LIF(spike_dtype=torch.uint8)(x).dtype == torch.uint8
    with pytest.raises(TypeError, match="spike_dtype"):
        ss.SPSN(spike_dtype="half")


@pytest.mark.parametrize("make", [ss.SPSN, ss.LIF])
def test_learned_time_constants_keep_the_current_alone(make):
    neuron = make(learn_tau=True, features=16)
    short, long = (kept(neuron, torch.randn(steps, 4, 16, requires_grad=True)) for steps in (100, 200))
    assert long - short == 100 * 4 * 16 * 4
