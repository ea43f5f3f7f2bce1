"""Currents in 16 bits under autocast and torch.compile, and the operators as torch checks them."""

import pytest
import torch
from halves import EVERY, N, each_half, each_in_turn
from helpers import name
from oracle import SEED

import spikescan as ss


@each_in_turn
def test_autocast(make, dtype, device):
    torch.manual_seed(0)
    linear, neuron = torch.nn.Linear(4, N, device=device), make(backend="triton").to(device)
    x = torch.randn(9, 2, 4, device=device)
    with torch.autocast(device, dtype):
        current = linear(x)
        out = neuron.run(current, seed=SEED, potentials=True)
        result = out.potential if out.spikes is None else out.spikes
        (grad,) = torch.autograd.grad(result, linear.weight, torch.ones_like(result))
    assert current.dtype == result.dtype == out.potential.dtype == dtype
    assert grad.dtype == torch.float32
    assert grad.any()
    plain = neuron.run(current, seed=SEED, potentials=True)
    assert torch.equal(out.potential, plain.potential)
    assert torch.equal(out.state.potential, plain.state.potential)


@pytest.fixture
def fresh_compiler():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@pytest.mark.parametrize("chosen", ["bernoulli", "lif learned", "delta learned", "integrator", "mpe previous"])
def test_compiled(chosen, device, fresh_compiler):
    """Shapes and dtypes of a traced graph are those of the operators' fakes. A neuron for each set of what is kept for
    the backward pass: `test_operators_are_registered_well` has all."""
    neuron, x = EVERY[chosen](backend="triton").to(device), torch.randn(10, 2, N, device=device).bfloat16()

    def function(x):
        out = neuron.run(x, seed=torch.tensor(4, device=device), potentials=True)
        result = out.potential if out.spikes is None else out.spikes
        return result, out.potential, out.state.potential

    compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
    results = []
    for call in (compiled, function):
        y = x.clone().requires_grad_()
        out = call(y)
        results.append((*out, *torch.autograd.grad(out, y, [torch.ones_like(one) for one in out])))
    for one, other in zip(*results, strict=True):
        assert one.dtype == other.dtype
        assert torch.equal(one, other)


@pytest.mark.parametrize("spike_dtype", [torch.uint8, torch.float32], ids=name)
def test_compiled_spikes_of_the_type_asked_for(spike_dtype, device, fresh_compiler):
    neuron = ss.SPSN(spike_dtype=spike_dtype, backend="triton").to(device)
    x, seed = torch.randn(10, 2, N, device=device).half(), torch.tensor(4, device=device)
    with torch.no_grad():
        spikes = torch.compile(neuron, fullgraph=True, backend="aot_eager")(x, seed)
    assert spikes.dtype == spike_dtype
    assert torch.equal(spikes, neuron(x, seed))


@each_in_turn
def test_operators_are_registered_well(make, dtype, device, monkeypatch):
    """torch's own check of fake implementations, aliasing and autograd, on the operators as the neurons call them."""
    from spikescan.fused import _autograd, _estimate_autograd

    calls = []
    for module, op in ((_autograd, "fused_op"), (_estimate_autograd, "estimate_op")):
        original = getattr(module, op)
        monkeypatch.setattr(module, op, lambda *a, original=original: calls.append((original.op, a)) or original(*a))
    make(backend="triton").to(device).run(torch.randn(5, 2, N, device=device).to(dtype).requires_grad_(), seed=1)
    assert len(calls) == 1
    check(*calls[0])


@each_half
def test_the_scan_is_registered_well(dtype, device):
    from spikescan.scan._autograd import scan_op

    x = torch.randn(5, 2, N, device=device).to(dtype).requires_grad_()
    decay = torch.full((N,), 0.9, device=device, requires_grad=True)
    check(scan_op.op, (x, decay, torch.zeros(2, N, device=device), True, "triton"))


def check(op, arguments) -> None:
    tests = ("test_schema", "test_autograd_registration", "test_faketensor")
    results = torch.library.opcheck(op, arguments, test_utils=tests)
    assert set(results.values()) == {"SUCCESS"}
