"""Currents in 16 bits: what the reference computes on the widened current.

`agreement` and `oracle` pass strided currents and cotangents; memory that a kernel leaves unwritten is NaN.
"""

from itertools import product

import pytest
import torch
from agreement import assert_agree
from halves import EVERY, HALVES, NEURONS, N, each_half, each_in_turn, each_neuron
from helpers import leaf
from oracle import SEED, strided
from tolerances import assert_close

import spikescan as ss
from spikescan.bench.workbench import kept_for_backward

LENGTHS = 1, 2, 63, 64, 65
LONG = "bernoulli", "lif", "mpe previous"


def in_turn(*lists) -> list[tuple]:
    """Every combination of values in one of the two types, and each value in both."""
    return [
        (*(value for _, value in places), HALVES[sum(place for place, _ in places) % 2])
        for places in product(*map(enumerate, lists))
    ]


def assert_triton_agrees(neuron: ss.Neuron, shape, dtype: torch.dtype, device: str, **options) -> None:
    with torch.device(device):
        current = strided(shape, torch.float32, device, scale=2.0).to(dtype)
        assert_agree(neuron.to(device), current, backend="triton", **options)


@each_in_turn
def test_equals_reference(make, dtype, device, short_chunks):
    assert_triton_agrees(make(), (18, 2, N), dtype, device, steady_share=0.5)


@pytest.mark.parametrize(("chosen", "steps", "dtype"), in_turn(LONG, LENGTHS))
def test_lengths_of_time(chosen, steps, dtype, device):
    assert_triton_agrees(EVERY[chosen](), (steps, 2, N), dtype, device, steady_share=0.2)


@pytest.mark.parametrize("chosen", ["gumbel", "lif", "mpe current"])
def test_padding(chosen, device, short_chunks):
    lengths = torch.tensor([0, 1, 20, 13], device=device)
    assert_triton_agrees(EVERY[chosen](), (20, 4, N), torch.bfloat16, device, lengths=lengths)


def test_estimation_loss(device):
    assert_triton_agrees(ss.MPEPSN(16), (16, 2, N), torch.float16, device)


@each_neuron
def test_equals_the_widened_current_bit_for_bit(make, device):
    neuron = make(backend="triton").to(device)
    current = strided((14, 2, N), torch.float32, device).bfloat16()
    half, wide = (neuron.run(x, seed=SEED, potentials=True) for x in (current, current.float()))
    assert neuron.spiking == (half.spikes is not None)
    assert half.spikes is None or torch.equal(half.spikes, wide.spikes.bfloat16())
    assert half.potential.dtype == torch.bfloat16
    assert_close(half.potential, wide.potential)
    assert half.state.potential.dtype == torch.float32
    assert torch.equal(half.state.potential, wide.state.potential)


@pytest.mark.parametrize(("chosen", "memory", "dtype"), in_turn(NEURONS, ("full", "half")))
def test_memory_modes(chosen, memory, dtype, device):
    """16 bits for what is kept change no spike and gradients little."""
    current, found = strided((20, 2, N), torch.float32, device).to(dtype), []
    for backend in ("triton", "reference"):
        x = leaf(current)
        spikes = NEURONS[chosen](backend=backend, memory=memory if backend == "triton" else "full").to(device)(
            x, seed=SEED
        )
        cotangent = strided(spikes.shape, torch.float32, device).to(dtype)
        found.append((spikes, *torch.autograd.grad(spikes, x, cotangent)))
    (spikes, grad), (expected_spikes, expected_grad) = found
    assert spikes.dtype == grad.dtype == dtype
    assert torch.equal(spikes, expected_spikes)
    assert_close(grad, expected_grad, floor=1.0)  # sums over later steps of 16-bit derivatives round like their largest


ROUNDED = {
    "delta": lambda **o: ss.SPSN(firing="delta", **o),
    "learned": lambda **o: ss.SPSN(learn_tau=True, features=N, **o),
    "lif": lambda **o: ss.LIF(learn_tau=True, learn_threshold=True, features=N, **o),
    "mpe": lambda **o: ss.MPEPSN(20, **o),
}


@pytest.mark.parametrize("chosen", ROUNDED)
def test_a_rounded_current(chosen, device, short_chunks):
    """What a layer does that is given the rounded current, and two bytes kept of it."""
    current, found = strided((20, 2, N), torch.float32, device), []
    cotangent = strided(current.shape, torch.float32, device)
    for memory, x in (("half", leaf(current)), ("full", leaf(current.half().float()))):
        neuron = ROUNDED[chosen](backend="triton", memory=memory).to(device)
        out = neuron.run(x, seed=SEED, potentials=True)
        loss = (out.spikes * cotangent).sum() + out.potential.square().sum()
        found.append((out.spikes, out.potential, *torch.autograd.grad(loss, x)))
        assert x.dtype == out.spikes.dtype == out.potential.dtype == found[-1][2].dtype == torch.float32
    for one, other in zip(*found, strict=True):
        assert torch.equal(one, other)
    neuron = ROUNDED[chosen](backend="triton", memory="half").to(device)
    short, long = (
        kept_for_backward(lambda T=T: neuron(torch.randn(T, 2, N, device=device).requires_grad_(), seed=1))
        for T in (20, 40)
    )
    assert long - short == 2 * 20 * 2 * N


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # of numpy, in the interpreter, for inf - inf
@each_half
def test_what_is_not_finite_shows(dtype, device, short_chunks):
    current = strided((18, 2, N), torch.float32, device).to(dtype)
    current[11, 1, 2] = float("nan")
    for make in NEURONS.values():
        out = make(backend="triton").to(device).run(current, seed=1, potentials=True)
        wrong = torch.zeros_like(current, dtype=torch.bool)
        wrong[11:, 1, 2] = True
        assert torch.equal(out.spikes.isnan(), wrong)
        assert torch.equal(out.potential.isnan(), wrong)


def scanned(backend: str, x, decay, initial, reverse, cotangent):
    x, decay, initial = leaf(x), leaf(decay), leaf(initial)
    v = ss.linear_scan(x, decay, initial, reverse, backend)
    v.backward(cotangent)
    return v, x.grad, decay.grad, initial.grad


@pytest.mark.parametrize(("steps", "reverse", "dtype"), in_turn(LENGTHS, (False, True)))
def test_linear_scan(steps, reverse, dtype, device):
    shape = steps, 2, N
    x, cotangent = (strided(shape, torch.float32, device, scale).to(dtype) for scale in (1.0, 0.7))
    decay = torch.linspace(0.99, 0.2, N, device=device)
    arguments = x, decay, strided(shape[1:], torch.float32, device), reverse, cotangent
    found, expected = (scanned(backend, *arguments) for backend in ("triton", "reference"))
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype
        assert_close(one, other, dtype=dtype, floor=0.1)  # the decay's gradient is a sum over steps and rows


def test_linear_scan_accumulates_in_float32(device, short_chunks):
    x = torch.ones(600, 1, 1, dtype=torch.bfloat16, device=device)  # a sum of ones in bfloat16 stops at 256
    assert_close(
        ss.linear_scan(x, 1.0, backend="triton")[-1].float(),
        torch.full((1, 1), 600.0, device=device),
        dtype=torch.bfloat16,
    )
