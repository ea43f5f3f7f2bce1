"""What is carried from chunk to chunk: values, draws, gradients."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from models import MODELS, N, each_backend, each_model
from tolerances import assert_close

import spikescan as ss


def signal(neuron: ss.Neuron, out: ss.NeuronOutput) -> torch.Tensor:
    return out.spikes if neuron.spiking else out.potential


@each_backend
@each_model
@given(cuts=st.lists(st.integers(1, 29), max_size=4, unique=True), seed=st.integers(-(2**63), 2**63 - 1))
def test_chunks_equal_the_whole(model, backend, cuts, seed):
    """Spikes, potentials, the last state, and gradients that flow back through every state."""
    neuron = MODELS[model](backend=backend)
    x = (2 * torch.randn(30, 2, N, dtype=torch.float64)).requires_grad_()
    whole = neuron.run(x, seed=seed, potentials=True)
    state, chunks = None, []
    edges = [0, *sorted(cuts), 30]
    for first, last in pairwise(edges):
        chunks.append(neuron.run(x[first:last], state, seed=None if state else seed, potentials=True))
        state = chunks[-1].state
    assert torch.equal(torch.cat([signal(neuron, out) for out in chunks]), signal(neuron, whole))
    assert torch.equal(torch.cat([out.potential for out in chunks]), whole.potential)
    for joined, value in zip(state, whole.state, strict=True):
        assert (joined is None and value is None) or torch.equal(joined, value)
    cotangent = torch.randn_like(x)
    (expected,) = torch.autograd.grad(signal(neuron, whole), x, cotangent)
    (found,) = torch.autograd.grad(torch.cat([signal(neuron, out) for out in chunks]), x, cotangent)
    assert_close(found, expected)


@each_model
def test_the_specifications_example(model):
    neuron, x = MODELS[model](), torch.randn(100, 4, N)
    first, state = neuron.advance(x[:40], seed=3)
    more, state = neuron.advance(x[40:], state)
    assert torch.equal(torch.cat([first, more]), neuron(x, seed=3))
    assert int(state.step) == 100


@each_backend
@each_model
def test_detach_cuts_the_gradient(model, backend):
    neuron, x = MODELS[model](backend=backend), torch.randn(20, 2, N, requires_grad=True)
    before = neuron.run(x[:10], seed=1)
    for state, reaches in ((before.state, True), (before.state.detach(), False)):
        after = signal(neuron, neuron.run(x[10:], state))
        (gradient,) = torch.autograd.grad(after.sum(), x, retain_graph=True)
        assert bool(gradient[10:].any())
        # MPE-PSN's current estimate needs nothing of the step before, except for its loss.
        assert bool(gradient[:10].any()) == (reaches and model != "mpe_current")


@each_model
def test_state_is_a_pytree_in_full_precision(model):
    neuron = MODELS[model]()
    out = neuron.run(torch.randn(5, 2, N, dtype=torch.bfloat16), seed=1)
    assert out.state.potential.dtype == torch.float32
    assert out.state.potential.shape == (2, N)
    leaves, spec = torch.utils._pytree.tree_flatten(out.state)
    assert torch.utils._pytree.tree_unflatten(leaves, spec) == out.state
    assert all(leaf is None or isinstance(leaf, torch.Tensor) for leaf in leaves)
    assert (out.state.seed is None) != any(word in model for word in ("sb", "gs", "escape", "mpe", "rf_learned"))


@each_backend
@pytest.mark.parametrize("model", ["sb", "gs", "escape", "mpe_previous", "mpe_current"])
def test_seeds(model, backend):
    neuron, x = MODELS[model](backend=backend), torch.randn(20, 6, N)
    whole = neuron(x, seed=5)
    assert torch.equal(neuron(x, torch.tensor(5)), whole)
    assert torch.equal(neuron(x[:, :2], seed=5), whole[:, :2])
    assert not torch.equal(neuron(x, seed=6), whole)
    assert not torch.equal(neuron(x), neuron(x))
    torch.manual_seed(3)
    first = neuron(x)
    torch.manual_seed(3)
    assert torch.equal(neuron(x), first)
    state = neuron.run(x, seed=5).state
    with pytest.raises(ValueError, match=r"^seed: the state already carries one"):
        neuron.run(x, state, seed=5)
    with pytest.raises(TypeError, match=r"^seed"):
        neuron(x, seed=5.0)


@each_backend
def test_draws_are_the_documented_ones(backend):
    x = torch.zeros(9, 3, N)
    r = ss.random.uniform(x.shape, seed=8)
    assert torch.equal(ss.SPSN(backend=backend)(x, seed=8), (r < 0.5).float())
    assert torch.equal(ss.SPSN(firing="gumbel", backend=backend)(x, seed=8), (r > 0.5).float())
    minus = torch.full_like(x, -1.0)  # charge -1 or -1.25, by ô = r < σ(-1)
    fired = ss.MPEPSN(threshold=-1.1, backend=backend)(minus, seed=8)
    assert torch.equal(fired[1:], (r < 1 / (1 + torch.e)).float()[:-1])


@each_model
def test_a_state_of_any_layout(model):
    neuron, x = MODELS[model](), torch.randn(9, 2, N)
    x = x.view(9, 2, N, 1).expand(9, 2, N, 3).transpose(2, 3)
    shape = x.shape[1:]
    values = [torch.randn(tuple(reversed(shape))).permute(2, 1, 0) if k < 2 else torch.tensor(k) for k in range(4)]
    if neuron.run(x, seed=1).state.synapse is None:
        values[0] = None
    strided, plain = ss.State(*values), ss.State(*(value if value is None else value.contiguous() for value in values))
    outs = [neuron.run(x, state).state.potential for state in (strided, plain)]
    assert torch.equal(*outs)
