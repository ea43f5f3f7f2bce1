"""MPE-PSN: the number of steps, chunks' shares of the estimation loss, padding."""

import pytest
import torch
from models import each_backend
from tolerances import assert_close

import spikescan as ss

each_estimate = pytest.mark.parametrize("estimate", ["previous", "current"])
T = 12


def neuron(estimate: str, backend: str = "auto", **options) -> ss.MPEPSN:
    made = ss.MPEPSN(T, estimate=estimate, backend=backend, **options).double()
    with torch.no_grad():
        made.kappa.add_(torch.rand_like(made.kappa))
    return made


@each_estimate
@each_backend
@pytest.mark.parametrize("cuts", [[1], [5], [1, 2, 11], list(range(1, T))])
def test_chunks_shares_add_up(estimate, backend, cuts):
    tested, x = neuron(estimate, backend), torch.randn(T, 3, 4, dtype=torch.float64, requires_grad=True)
    whole = tested.run(x, seed=3).estimation_loss
    state, shares = ss.State(seed=torch.tensor(3)), []
    for first, last in zip([0, *cuts], [*cuts, T], strict=True):
        out = tested.run(x[first:last], state)
        state = out.state
        shares.append(out.estimation_loss)
    assert_close(sum(shares), whole)
    inputs = x, tested.threshold, tested.kappa
    for found, expected in zip(*(torch.autograd.grad(loss, inputs) for loss in (sum(shares), whole)), strict=True):
        assert_close(found, expected)


@each_estimate
@each_backend
@pytest.mark.parametrize("deterministic", [False, True])
def test_padding_does_not_count(estimate, backend, deterministic):
    """L_mem is the mean over valid terms: that of each row alone, weighted by how many terms it has."""
    tested = neuron(estimate, backend, deterministic=deterministic)
    x, lengths = torch.randn(T, 4, 5, dtype=torch.float64), torch.tensor([T, 7, 1, 0])
    loss = tested.run(x, seed=3, lengths=lengths).estimation_loss
    total, terms = 0.0, 0
    for row, length in enumerate(lengths.tolist()):
        count = length if estimate == "previous" else max(0, length - 1)
        alone = tested.run(x, seed=3, lengths=torch.where(torch.arange(4) == row, lengths, 0)).estimation_loss
        total, terms = total + alone * count, terms + count
        if length == T:
            only = tested.run(x[:, :1], seed=3).estimation_loss
            assert_close(alone, only)
    assert_close(loss, total / terms)


@each_estimate
def test_wrong_number_of_steps(estimate):
    tested = ss.MPEPSN(T, estimate=estimate)
    x = torch.randn(T + 3, 2, 4)
    for wrong in (x, x[: T - 1]):
        with pytest.raises(ValueError, match=f"^current: {len(wrong)} steps"):
            tested.run(wrong)
        assert tested(wrong).shape == wrong.shape  # no L_mem asked for
        assert ss.MPEPSN(estimate=estimate).run(wrong).estimation_loss is None
    with pytest.raises(ValueError, match="current"):
        tested.run(x[:4], tested.run(x[:T]).state)  # beyond the last step that has a weight


def test_bad_options():
    for options, what in (
        ({"estimate": "next"}, "estimate"),
        ({"decay": 1.5}, "decay"),
        ({"decay": float("nan")}, "decay"),
        ({"steps": 0}, "steps"),
        ({"steps": 1, "estimate": "current"}, "steps"),
        ({"threshold": float("inf")}, "threshold"),
        ({"backend": "torch"}, "backend"),
    ):
        with pytest.raises(ValueError, match=f"^{what}:"):
            ss.MPEPSN(**options)


@each_backend
def test_deterministic_is_the_mean_of_the_estimate(backend):
    x = torch.randn(T, 2, 3)
    evaluated = ss.MPEPSN(deterministic=True, backend=backend)
    carry = evaluated.run(x).state.potential
    assert_close(carry, (1 - torch.sigmoid(x[-1])) * x[-1])
    assert torch.equal(evaluated(x), evaluated(x))
    assert evaluated.run(x).state.seed is None


@each_estimate
@each_backend
def test_a_carried_seed_does_not_make_it_draw(estimate, backend):
    x = 2 * torch.randn(T, 3, 40)
    tested = ss.MPEPSN(estimate=estimate, deterministic=True, backend=backend)
    begun = [
        tested.run(x, None if k is None else ss.State(seed=torch.tensor(k)), potentials=True) for k in (None, 1, 2)
    ]
    assert all(torch.equal(out.potential, begun[0].potential) for out in begun[1:])
