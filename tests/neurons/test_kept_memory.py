"""What a layer keeps alive for the backward pass, and the type of its spikes."""

import pytest
import torch

import spikescan as ss
from spikescan.firing import Delta, Surrogate, Threshold

NEURONS = {
    "bernoulli": lambda **o: ss.SPSN(**o),
    "gumbel": lambda **o: ss.SPSN(firing="gumbel", **o),
    "escape": lambda **o: ss.SPSN(firing="escape", **o),
    "threshold": lambda **o: ss.SPSN(firing="threshold", **o),
    "relu": lambda **o: ss.SPSN(firing=Threshold("relu_tanh", "triangular", 0.45), **o),  # 0.45 in 16 bits is less
    "lif": lambda **o: ss.LIF(**o),
    "vanilla": lambda **o: ss.LIF.vanilla(**o),
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


class Own(Surrogate):
    def derivative(self, distance):
        return 1 / (1 + distance.abs())


def test_memory_that_is_not_there():
    for make in (ss.LIF, ss.MPEPSN):
        with pytest.raises(ValueError, match="memory: 'little'"):
            make(memory="little")
    with pytest.raises(ValueError, match="memory: 'half' is for firing functions with a kernel"):
        ss.SPSN(firing=Threshold(surrogate=Own()), memory="half")
    with pytest.raises(ValueError, match="memory: 'half'"):
        ss.MPEPSN(memory="half", backend="reference")(torch.randn(3, 2, 4))


ROUNDED = {
    "delta": lambda **o: ss.SPSN(firing="delta", **o),
    "delta tanh": lambda **o: ss.SPSN(firing=Delta("tanh"), **o),
    "learned": lambda **o: ss.SPSN(learn_tau=True, features=20, **o),
    "learned integrator": lambda **o: ss.LeakyIntegrator(learn_tau=True, features=20, **o),
    "learned lif": lambda **o: ss.LIF(learn_tau=True, learn_threshold=True, features=20, **o),
    "mpe previous": lambda **o: ss.MPEPSN(60, **o),
    "mpe current": lambda **o: ss.MPEPSN(60, estimate="current", **o),
}


def learn(neuron, x, cotangent, **options):
    """Everything that comes out, and every gradient."""
    out = neuron.run(x, seed=1, potentials=True, **options)
    loss = 0 if out.spikes is None else (out.spikes * cotangent).sum()
    loss = loss + out.potential.square().sum() + out.state.potential.sum()
    loss = loss if out.estimation_loss is None else loss + out.estimation_loss
    learned = [x, *neuron.parameters()]
    return [out.potential, out.spikes, *torch.autograd.grad(loss, learned, allow_unused=True)]


@pytest.mark.parametrize(
    ("name", "dtype"),
    [*((name, torch.float32) for name in ROUNDED), ("learned", torch.float64), ("mpe previous", torch.float64)],
    ids=str,
)
def test_a_rounded_current_gives_the_gradients_of_what_was_computed(name, dtype):
    """To the bit those of a layer that is given the rounded current. What was rounded shows."""
    torch.manual_seed(0)
    x, cotangent = torch.randn(60, 4, 20, dtype=dtype), torch.randn(60, 4, 20, dtype=dtype)
    given = (x.requires_grad_(), x.detach().half().to(dtype).requires_grad_(), x.detach().clone().requires_grad_())
    neurons = (ROUNDED[name](memory=memory).to(dtype) for memory in ("half", "full", "full"))
    found, expected, exact = (learn(neuron, y, cotangent) for neuron, y in zip(neurons, given, strict=True))
    for one, other in zip(found, expected, strict=True):
        assert (one is None) == (other is None)
        assert one is None or (one.dtype == other.dtype and torch.equal(one, other))
    assert not torch.equal(found[0], exact[0])


@pytest.mark.parametrize("name", ROUNDED)
def test_a_rounded_current_is_what_is_kept(name):
    def grown(memory, dtype=torch.float32):
        """Bytes for each neuron and step, without the states and decays beside them."""
        neuron = ROUNDED[name](memory=memory)
        short, long = (kept(neuron, torch.randn(T, 8, 20).to(dtype).requires_grad_()) for T in (30, 60))
        return (long - short) / (30 * 8 * 20)

    assert grown("full") == 4
    assert grown("half") == 2
    assert grown("half", torch.float16) == 2
    assert grown("half", torch.bfloat16) == 2


@pytest.mark.parametrize("name", ROUNDED)
def test_a_rounded_current_in_chunks_and_with_padding(name):
    neuron, x, lengths = ROUNDED[name](memory="half"), torch.randn(60, 3, 20), torch.tensor([60, 0, 31])
    whole = neuron(x, seed=1)
    first, state = neuron.advance(x[:23], seed=1)
    assert torch.equal(torch.cat([first, neuron.advance(x[23:], state)[0]]), whole)
    padded = neuron.run(x, seed=1, lengths=lengths)
    assert torch.equal((padded.potential if padded.spikes is None else padded.spikes)[:, 0], whole[:, 0])


@pytest.mark.parametrize("name", ["delta", "learned", "mpe previous"])
def test_a_rounded_current_where_the_neuron_is_compiled(name):
    torch._dynamo.reset()
    neuron, x, seed = ROUNDED[name](memory="half"), torch.randn(60, 3, 20), torch.tensor(1)
    compiled = torch.compile(neuron, fullgraph=True, backend="aot_eager")
    one, other = x.clone().requires_grad_(), x.clone().requires_grad_()
    compiled(one, seed).square().sum().backward()
    neuron(other, seed).square().sum().backward()
    assert torch.equal(one.grad, other.grad)


@pytest.mark.parametrize("memory", ["full", "half"])
@pytest.mark.parametrize("name", ROUNDED)
def test_double_backward_through_a_forward_pass_that_is_done_again(name, memory):
    """Refused, also where only the current leads there: its second derivative would be missing without a word."""
    neuron, x = ROUNDED[name](memory=memory), torch.randn(60, 2, 20, requires_grad=True)
    (gradient,) = torch.autograd.grad(neuron(x, seed=1).sum() + x.square().sum(), x, create_graph=True)
    with pytest.raises(NotImplementedError, match="double backward is not offered"):
        torch.autograd.grad(gradient.square().sum(), x)


def test_a_current_too_large_for_16_bits_is_not_hidden():
    x = torch.zeros(5, 1, 3)
    x[2, 0, 1] = 1e6
    out = ss.SPSN(firing="delta", memory="half").run(x, potentials=True)
    assert not out.potential[2:, 0, 1].isfinite().any()
    assert out.potential[:, 0, [0, 2]].isfinite().all()


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
