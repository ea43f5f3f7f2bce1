"""NaN and infinity reach the output of their neuron from their step on, and nothing else."""

import pytest
import torch
from models import MODELS, N, each_backend, each_model

import spikescan as ss
from spikescan import firing

BAD = [float("nan"), float("inf"), -float("inf")]
each_value = pytest.mark.parametrize("value", BAD)


def affected(neuron: ss.Neuron, value: float) -> tuple[torch.Tensor, ss.NeuronOutput]:
    """Places of the output that are not finite, after one bad value at (4, 1, 2); the others have to be as without."""
    x = torch.randn(9, 3, N)
    clean = neuron.run(x, seed=2, potentials=True)
    x[4, 1, 2] = value
    out = neuron.run(x, seed=2, potentials=True)
    found, before = (o.spikes if neuron.spiking else o.potential for o in (out, clean))
    assert torch.equal(found[found.isfinite()], before[found.isfinite()])
    return ~found.isfinite(), out


def expected(steps: slice) -> torch.Tensor:
    bad = torch.zeros(9, 3, N, dtype=torch.bool)
    bad[steps, 1, 2] = True
    return bad


@each_backend
@each_value
@pytest.mark.parametrize("model", [model for model in MODELS if not model.startswith("mpe")])
def test_neurons(model, backend, value):
    bad, out = affected(MODELS[model](backend=backend), value)
    assert torch.equal(bad, expected(slice(4, None)))
    assert torch.equal(~out.potential.isfinite(), bad)
    assert not out.state.potential[1, 2].isfinite()


@each_backend
@each_value
@pytest.mark.parametrize("fire", sorted(firing.FIRINGS))
@pytest.mark.parametrize("deterministic", [False, True])
def test_firing_functions(fire, backend, value, deterministic):
    neuron = ss.SPSN(0.0, 0.0, firing=fire, backend=backend, deterministic=deterministic)
    assert torch.equal(affected(neuron, value)[0], expected(slice(4, None)))


@each_backend
@each_value
@pytest.mark.parametrize("deterministic", [False, True])
def test_mpe_psn(backend, value, deterministic):
    """It has no recurrence: a step and, by its estimate, the one after."""
    previous, _ = affected(ss.MPEPSN(backend=backend, deterministic=deterministic), value)
    assert bool(previous[4, 1, 2])
    assert not (previous & ~expected(slice(4, 6))).any()
    current, _ = affected(ss.MPEPSN(estimate="current", backend=backend, deterministic=deterministic), value)
    assert torch.equal(current, expected(slice(4, 5)))
    with_loss = ss.MPEPSN(9, backend=backend, deterministic=deterministic)
    x = torch.randn(9, 3, N)
    x[4, 1, 2] = value
    assert not with_loss.run(x, seed=1).estimation_loss.isfinite()


@each_backend
@each_model
def test_nan_in_padding_is_not_read(model, backend):
    neuron, x = MODELS[model](backend=backend), torch.randn(9, 3, N)
    lengths = torch.tensor([9, 4, 0])
    clean = neuron.run(x, seed=2, lengths=lengths, potentials=True)
    x[4:, 1] = torch.nan
    x[:, 2] = torch.inf
    out = neuron.run(x, seed=2, lengths=lengths, potentials=True)
    assert torch.equal(out.potential, clean.potential)
    assert torch.equal(out.state.potential, clean.state.potential)
    assert not neuron.spiking or torch.equal(out.spikes, clean.spikes)


@each_backend
def test_no_spike_at_the_threshold(backend):
    at, above = torch.ones(1, 1, 1), torch.full((1, 1, 1), 1 + 2e-7)
    for make in (ss.LIF, lambda *a, **o: ss.SPSN(*a, firing="threshold", **o)):
        neuron = make(0.0, None, backend=backend)
        assert (neuron(at).item(), neuron(above).item()) == (0, 1)
    zero = torch.zeros(1, 1, 1)
    assert ss.SPSN(0.0, None, firing="delta", threshold=0.0, backend=backend)(zero).item() == 0
    for fire in ("bernoulli", "gumbel"):  # 1/2 is not over 1/2
        assert ss.SPSN(firing=fire, deterministic=True, backend=backend)(zero).item() == 0
    assert ss.MPEPSN(backend=backend)(at, seed=1).item() == 0
    assert ss.MPEPSN(backend=backend)(above, seed=1).item() == 1


@each_backend
@each_model
def test_nan_in_padding_enters_no_gradient(model, backend):
    neuron, x = MODELS[model](backend=backend), torch.randn(9, 3, N)
    gradients = []
    for value in (0.0, torch.nan):
        x[4:, 1] = value
        inputs = x.clone().requires_grad_(), *neuron.parameters()
        out = neuron.run(inputs[0], seed=2, lengths=torch.tensor([9, 4, 9]), potentials=True)
        gradients.append(torch.autograd.grad(out.potential.sum(), inputs, allow_unused=True))
    assert all((a is None and b is None) or torch.equal(a, b) for a, b in zip(*gradients, strict=True))
    assert not gradients[0][0][4:, 1].any()


@pytest.mark.parametrize("field", ["seed", "step"])
@pytest.mark.parametrize("value", [1.5, torch.tensor(1.5), torch.zeros(2, dtype=torch.int64)], ids=str)
def test_a_state_with_a_wrong_seed_or_step(field, value):
    with pytest.raises(TypeError, match=rf"state\.{field}: an int or |state\.{field}: a 0-d int64 tensor is needed"):
        ss.SPSN().run(torch.zeros(2, 1, 3), ss.State(**{field: value}))
