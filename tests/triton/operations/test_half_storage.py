"""Currents in 16 bits and spikes of other types: what is kept, and no pass over memory beside the kernels'."""

from itertools import cycle, product

import pytest
import torch
from halves import NEURONS, N, each_half
from helpers import leaf, name
from oracle import SEED, strided
from tolerances import assert_close
from torch.utils._python_dispatch import TorchDispatchMode

import spikescan as ss
from spikescan.bench.workbench import kept_for_backward


def kept(neuron: ss.Neuron, current: torch.Tensor) -> int:
    return kept_for_backward(lambda: neuron(current, seed=1))


@each_half
def test_bytes_kept_alive(dtype, device):
    current = torch.randn(20, 2, 16, device=device).to(dtype).requires_grad_()
    beside = 4 * 16 * (2 * 2 + 4) + 2 * 8  # two states of each row; α, β, 1 - β and the threshold; seed and step
    for make in NEURONS.values():
        assert kept(make(backend="triton").to(device), current) <= 4 * current.numel() + beside
        assert kept(make(backend="triton", memory="half").to(device), current) <= 2 * current.numel() + beside
    assert kept(ss.MPEPSN(backend="triton").to(device), current) <= 2 * current.numel() + beside


def test_what_is_over_the_threshold_by_less_than_a_float16_resets(device):
    """Kept is the potential less the threshold. Were it rounded to 0, the backward pass would see no reset."""
    neuron = ss.LIF(20e-3, None, threshold=0.125, input_gain="unit", memory="half", backend="triton").to(device)
    first = torch.tensor([[0.125, 0.125 + 2**-26]], device=device)  # where a float32 can be: at the threshold, next
    x = torch.stack([first, torch.full_like(first, 0.1)]).requires_grad_()
    spikes = neuron(x)
    assert spikes.flatten().tolist() == [0, 1, 1, 0]
    (gradient,) = torch.autograd.grad(spikes[1].sum(), x)
    assert (gradient != 0).flatten().tolist() == [True, False, True, True]


class LargeOperations(TorchDispatchMode):
    """Names of the operations that read or write a whole sequence. A view does neither, and what makes a tensor does
    not read the one that it is like."""

    def __init__(self, elements: int) -> None:
        super().__init__()
        self.elements, self.names = elements, []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        name = func.name().removeprefix("aten::")
        tensors = torch.utils._pytree.tree_leaves(out if name.startswith("new_") else (args, out))
        large = any(isinstance(x, torch.Tensor) and x.numel() >= self.elements for x in tensors)
        if large and not func.is_view:
            self.names.append(name)
        return out


def large_operations(call, current: torch.Tensor, cotangent: torch.Tensor) -> list[str]:
    x = current.detach().requires_grad_()
    with LargeOperations(x.numel()) as seen:
        torch.autograd.backward(call(x), cotangent)
    assert x.grad.dtype == current.dtype
    return [name for name in seen.names if name != "detach"]


@each_half
def test_no_pass_over_memory_beside_the_kernels(dtype, device):
    current = torch.randn(8, 4, N, device=device).to(dtype)
    for make in NEURONS.values():
        neuron = make(backend="triton").to(device)
        names = large_operations(lambda x, neuron=neuron: neuron(x, seed=1), current, torch.ones_like(current))
        assert names == ["spikescan::integrate_and_fire", "spikescan::integrate_and_fire_backward"]
    integrator = ss.LeakyIntegrator(backend="triton").to(device)
    names = large_operations(integrator, current, torch.ones_like(current))
    assert names == ["spikescan::integrate_and_fire", "spikescan::integrate_and_fire_backward"]
    neuron = ss.MPEPSN(backend="triton").to(device)
    names = large_operations(lambda x: neuron(x, seed=1), current, torch.ones_like(current))
    assert names == ["spikescan::estimate_and_fire", "spikescan::estimate_and_fire_backward"]
    names = large_operations(lambda x: ss.linear_scan(x, 0.9, backend="triton"), current, torch.ones_like(current))
    assert names == ["spikescan::linear_scan"] * 2


def test_the_reference_is_seen_to_pass_over_memory(device):
    current = torch.randn(8, 4, N, device=device).bfloat16()
    names = large_operations(ss.LeakyIntegrator(backend="reference").to(device), current, torch.ones_like(current))
    assert "_to_copy" in names


SPIKE_DTYPES = torch.uint8, torch.bool, torch.int16, torch.float16, torch.bfloat16, torch.float32
CURRENT_DTYPES = torch.float16, torch.bfloat16, torch.float32
SPIKES = [(kind, *dtypes) for kind, dtypes in zip(cycle(("bernoulli", "lif")), product(SPIKE_DTYPES, CURRENT_DTYPES))]
"""Every pair of types, and each spike type from either kernel."""


@pytest.mark.parametrize(("chosen", "spike_dtype", "current_dtype"), SPIKES, ids=name)
def test_spikes_of_the_type_asked_for(chosen, spike_dtype, current_dtype, device):
    x = strided((9, 2, N), torch.float32, device).to(current_dtype)
    lengths = torch.tensor([9, 5], device=device)
    found, expected = (
        NEURONS[chosen](backend=backend, spike_dtype=spike_dtype).to(device) for backend in ("triton", "reference")
    )
    with torch.no_grad():
        spikes, right = (neuron.run(x, seed=SEED, lengths=lengths).spikes for neuron in (found, expected))
    assert spikes.dtype == spike_dtype
    assert torch.equal(spikes, right)
    assert spikes.any()
    if not spike_dtype.is_floating_point:
        with pytest.raises(ValueError, match="carries no gradient"):
            found(leaf(x), seed=SEED)
        return
    cotangent = strided(x.shape, torch.float32, device).to(spike_dtype)
    inputs = leaf(x), leaf(x)
    for neuron, one in zip((found, expected), inputs, strict=True):
        neuron(one, seed=SEED).backward(cotangent)
    assert inputs[0].grad.dtype == current_dtype
    assert_close(inputs[0].grad, inputs[1].grad)
