"""What holds for every neuron, whatever its input, its state and the draws."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from models import MODELS, N, each_backend
from tolerances import assert_close
from torch import Tensor

import spikescan as ss

CHOSEN = "lif", "lif_soft", "sb", "gs", "threshold", "delta", "li", "mpe_previous"
each_chosen = pytest.mark.parametrize("model", CHOSEN)
few = settings(max_examples=15)
sizes = st.tuples(st.integers(2, 16), st.integers(1, 4), st.just(N))
seeds = st.integers(0, 2**32 - 1)
starts = st.sampled_from([0, 7, 2**32 - 5])  # the draws' counter has a low word, which is full soon after the last


def normal(shape, seed: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def state(neuron: ss.Neuron, shape, seed: int, start: int = 0) -> ss.State:
    """Neither at rest nor at the first step."""
    synapse, potential = normal((2, *shape), seed + 1)
    has_synapse = getattr(neuron, "decay_syn", None) is not None
    return ss.State(synapse if has_synapse else None, potential, torch.tensor(seed), torch.tensor(start))


def part(state: ss.State, rows: slice) -> ss.State:
    return ss.State(*(value[rows] if value is not None and value.dim() else value for value in state))


def run(neuron: ss.Neuron, x: Tensor, start: ss.State, lengths: Tensor | None = None) -> tuple[Tensor, ss.State]:
    """Spikes and potentials, (T, B, N, 1 or 2), and the state after."""
    out = neuron.run(x, start, lengths=lengths, potentials=True)
    return torch.stack([value for value in (out.spikes, out.potential) if value is not None], -1), out.state


def assert_same(found: ss.State, expected: ss.State) -> None:
    for one, other in zip(found, expected, strict=True):
        assert (one is None and other is None) or torch.equal(one, other)


@each_backend
@each_chosen
@few
@given(size=sizes, seed=seeds, data=st.data())
def test_causal(model, backend, size, seed, data):
    """Other currents from a step on change nothing before it; the potential of that step does change."""
    neuron, x = MODELS[model](backend=backend), 2 * normal(size, seed)
    step = data.draw(st.integers(0, size[0] - 1))
    changed = torch.cat([x[:step], x[step:] - 0.1 - normal(x[step:].shape, seed + 2).abs()])
    start = state(neuron, size[1:], seed)
    (before, _), (after, _) = (run(neuron, value, start) for value in (x, changed))
    assert torch.equal(after[:step], before[:step])
    assert not torch.equal(after[step], before[step])


@each_backend
@each_chosen
@few
@given(size=sizes, seed=seeds, data=st.data())
def test_rows_are_independent(model, backend, size, seed, data):
    """Of other values in the other rows, and of how many come after: a row's number is all that its draws know."""
    neuron, x = MODELS[model](backend=backend), 2 * normal(size, seed)
    row = data.draw(st.integers(0, size[1] - 1))
    start = state(neuron, size[1:], seed)
    whole, after = run(neuron, x, start)
    fewer, after_fewer = run(neuron, x[:, : row + 1], part(start, slice(row + 1)))
    assert torch.equal(fewer, whole[:, : row + 1])
    assert_same(after_fewer, part(after, slice(row + 1)))
    others = (torch.arange(size[1]) != row)[:, None]
    other_start = start._replace(potential=start.potential + others)
    assert torch.equal(run(neuron, x + others, other_start)[0][:, row], whole[:, row])


@each_backend
@few
@given(size=sizes, seed=seeds, a=st.floats(-3, 3), b=st.floats(-3, 3))
def test_an_integrator_is_linear(backend, size, seed, a, b):
    """In its current and its state together."""
    neuron = MODELS["li"](backend=backend)
    x, y = normal((2, *size), seed)
    i, j, u, v = normal((4, *size[1:]), seed + 1)
    whole = neuron.run(a * x + b * y, ss.State(a * i + b * j, a * u + b * v))
    one, other = neuron.run(x, ss.State(i, u)), neuron.run(y, ss.State(j, v))
    for found, first, second in (
        (whole.potential, one.potential, other.potential),
        (whole.state.synapse, one.state.synapse, other.state.synapse),
        (whole.state.potential, one.state.potential, other.state.potential),
    ):
        torch.testing.assert_close(found, a * first + b * second, rtol=1e-9, atol=1e-9)


@each_backend
@each_chosen
@few
@given(size=sizes, seed=seeds, first_step=starts, padded=st.booleans(), data=st.data())
def test_split_and_carry(model, backend, size, seed, first_step, padded, data):
    """From any state, also of rows that end before the cut or after it; the draws are those of the steps."""
    neuron, x = MODELS[model](backend=backend), 2 * normal(size, seed)
    cut = data.draw(st.integers(1, size[0] - 1))
    lengths = torch.tensor(data.draw(st.lists(st.integers(0, size[0]), min_size=size[1], max_size=size[1])))
    start = state(neuron, size[1:], seed, first_step)
    whole, expected = run(neuron, x, start, lengths if padded else None)
    first, between = run(neuron, x[:cut], start, lengths.clamp(max=cut) if padded else None)
    second, after = run(neuron, x[cut:], between, (lengths - cut).clamp(min=0) if padded else None)
    assert torch.equal(torch.cat([first, second]), whole)
    assert_same(after, expected)
    assert int(after.step) == first_step + size[0]


@each_backend
@few
@given(size=sizes, seed=seeds, first_step=starts)
def test_draws_are_those_of_the_state(backend, size, seed, first_step):
    """A membrane that keeps nothing is its current, and fires where the documented draw is under its probability."""
    neuron, x = ss.SPSN(0.0, None, backend=backend), normal(size, seed)
    spikes, _ = run(neuron, x, state(neuron, size[1:], seed, first_step))
    r = ss.random.uniform(size, seed=seed, step=first_step, backend="reference")
    assert torch.equal(spikes[..., 0], (r < torch.sigmoid(x)).double())
    assert_close(spikes[..., 1], x)
