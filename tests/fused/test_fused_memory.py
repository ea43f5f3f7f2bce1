"""How kernels go through memory: large results are written past the caches, and nothing outside of an array."""

import sys

import guarded
import pytest
import torch
from helpers import name
from tolerances import assert_close

import spikescan as ss
from spikescan import native
from spikescan.firing import Gumbel

LARGE = 2**20  # bytes from which results are written past the caches (plan.h)
PIECE = 100  # steps whose results are smaller
NEURONS = {
    "li": lambda n: ss.LeakyIntegrator(),
    "bernoulli": lambda n: ss.SPSN(),
    "bernoulli, half": lambda n: ss.SPSN(memory="half"),
    "delta": lambda n: ss.SPSN(firing="delta", threshold=0.1),
    "gumbel": lambda n: ss.SPSN(firing="gumbel"),
    "tempered gumbel": lambda n: ss.SPSN(firing=Gumbel(0.7)),
    "escape": lambda n: ss.SPSN(firing="escape"),
    "lif": lambda n: ss.LIF(),
    "lif soft, half": lambda n: ss.LIF(reset="soft", detach_reset=False, memory="half"),
    "learned": lambda n: ss.LIF(learn_tau=True, learn_threshold=True, features=n),
}
# All begin their steps with whole cache lines, but for those of 37.
SHAPES = [(300, 8, 128), (300, 20, 48), (300, 1, 1024), (300, 29, 37)]


def inputs(shape, dtype):
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(shape, generator=generator, dtype=dtype) for _ in range(2)]


def in_pieces(neuron, x, cotangent, lengths, steps):
    """Spikes or nothing, potentials, the last potential, and the gradients of the current and the parameters."""
    x, state, total = x.clone().requires_grad_(), None, torch.zeros((), dtype=x.dtype)
    found = []
    for begin in range(0, len(x), steps):
        left = None if lengths is None else (lengths - begin).clamp(0, steps)
        part = x[begin : begin + steps]
        seed = 7 if state is None else None
        out = neuron.run(part, state, seed=seed, lengths=left, potentials=True)
        y, state = out.potential if out.spikes is None else out.spikes + out.potential, out.state
        total = total + (y * cotangent[begin : begin + steps]).sum()
        found.append(y.detach())
    return [torch.cat(found), state.potential.detach(), *torch.autograd.grad(total, [x, *neuron.parameters()])]


@pytest.mark.parametrize(
    ("shape", "padded", "dtype"),
    [
        (SHAPES[0], False, torch.float32),
        (SHAPES[0], True, torch.float64),
        (SHAPES[1], True, torch.float32),
        (SHAPES[2], False, torch.float64),
        (SHAPES[2], True, torch.float32),
        (SHAPES[3], True, torch.float32),
    ],
    ids=str,
)
@pytest.mark.parametrize("chosen", NEURONS)
def test_large_results_equal_those_of_small_pieces(chosen, shape, padded, dtype):
    x, cotangent = inputs(shape, dtype)
    assert x.nbytes >= LARGE > x[:PIECE].nbytes
    lengths = torch.arange(shape[1]) * 77 % (shape[0] + 1) if padded else None
    torch.manual_seed(0)
    neuron = NEURONS[chosen](shape[2]).to(dtype)
    whole, parts = (in_pieces(neuron, x, cotangent, lengths, steps) for steps in (shape[0], PIECE))
    values = 2 if chosen == "delta" else 3  # its gradient is added up in another order where a piece ends
    for found, expected in zip(whole[:values], parts[:values], strict=True):
        assert torch.equal(found, expected)
    for found, expected in zip(whole[values:], parts[values:], strict=True):
        assert_close(found, expected, floor=1.0)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=name)
def test_a_large_scan_equals_small_ones(reverse, dtype):
    x, decay = inputs(SHAPES[0], dtype)[0], torch.linspace(0, 1, 128, dtype=dtype)
    assert x.nbytes >= LARGE > x[:PIECE].nbytes
    parts, last = [], None
    for part in reversed(x.split(PIECE)) if reverse else x.split(PIECE):
        parts.append(ss.linear_scan(part, decay, last, reverse, "native"))
        last = parts[-1][0 if reverse else -1]
    joined = torch.cat(parts[::-1] if reverse else parts)
    assert torch.equal(ss.linear_scan(x, decay, None, reverse, "native"), joined)


@pytest.mark.parametrize("shape", [(40, 16, 128), (200, 8, 20), (65, 13, 37), (40, 2, 1025)], ids=str)
@pytest.mark.parametrize("chosen", NEURONS)
def test_neither_threads_nor_the_place_of_the_current_change_a_bit(chosen, shape):
    torch.manual_seed(0)
    neuron, before = NEURONS[chosen](shape[2]), torch.get_num_threads()
    x, cotangent = inputs(shape, torch.float32)
    found = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        shifted = x.new_empty(x.numel() + threads)[threads:].view(shape).copy_(x).requires_grad_()
        out = neuron.run(shifted, seed=7, potentials=True)
        y = out.potential if out.spikes is None else out.spikes + out.potential
        found.append([y.detach(), *torch.autograd.grad(y, [shifted, *neuron.parameters()], cotangent)])
    torch.set_num_threads(before)
    for others in found[1:]:
        for number, (one, other) in enumerate(zip(found[0], others, strict=True)):
            assert torch.equal(one, other), f"result {number}"


@pytest.mark.parametrize("chosen", NEURONS)
def test_what_is_kept_for_gradients_changes_no_spike(chosen):
    neuron, x = NEURONS[chosen](128), inputs(SHAPES[0], torch.float32)[0]
    alone = neuron.run(x, seed=7)
    kept = neuron.run(x.clone().requires_grad_(), seed=7, potentials=True)
    assert torch.equal(alone.state.potential, kept.state.potential)
    assert alone.spikes is None or torch.equal(alone.spikes, kept.spikes)


@pytest.mark.skipif(native.missing() is not None or sys.platform != "linux", reason="pages are guarded by mprotect")
def test_nothing_outside_of_an_array_is_touched(forks):
    job = forks(guarded.main)
    assert (job.raised, job.ended) == (None, 0), job.said.splitlines()[-1:]
    assert "learned (40, 3, 160)" in job.said
