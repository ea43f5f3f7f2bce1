"""Every loss against an explicit loop, padding included, and both branches of the regulariser's gradient."""

import math

import pytest
import torch
from torch.nn import functional as F

from spikescan.losses import (
    READOUTS,
    mpe_total,
    readout,
    spike_frequency,
    spike_regulariser,
    tet,
)

T, B, C = 7, 5, 3
LENGTHS = torch.tensor([7, 4, 1, 0, 6])


def potentials(seed=0):
    return torch.randn(T, B, C, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def loop_readout(potential, mode, lengths):
    rows = []
    for b, length in enumerate(lengths.tolist()):
        steps = [potential[t, b] for t in range(length)]
        if not steps:
            rows.append(torch.zeros(C, dtype=potential.dtype))
        elif mode == "mean":
            rows.append(sum(steps) / length)
        elif mode == "max":
            rows.append(torch.stack(steps).max(0).values)
        elif mode == "last":
            rows.append(steps[-1])
        else:
            rows.append(sum(step.exp() / step.exp().sum() for step in steps))
    return torch.stack(rows)


@pytest.mark.parametrize("mode", READOUTS)
@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_readout_is_the_loop(mode, lengths):
    expected = loop_readout(potentials(), mode, torch.full((B,), T) if lengths is None else lengths)
    torch.testing.assert_close(readout(potentials(), mode, lengths), expected)


@pytest.mark.parametrize("mode", READOUTS)
def test_padding_reaches_neither_value_nor_gradient(mode):
    potential = potentials()
    for b, length in enumerate(LENGTHS.tolist()):
        potential[length:, b] = math.nan
    potential.requires_grad_()
    scores = readout(potential, mode, LENGTHS)
    scores.square().sum().backward()
    assert scores.isfinite().all()
    for b, length in enumerate(LENGTHS.tolist()):
        assert potential.grad[:length, b].isfinite().all()
        assert not potential.grad[length:, b].any()


@pytest.mark.parametrize("mode", READOUTS)
def test_readout_gradients(mode):
    assert torch.autograd.gradcheck(lambda u: readout(u, mode, LENGTHS), potentials().requires_grad_())


def test_half_precision_is_summed_in_full():
    potential = torch.full((4096, 1, 2), 0.25, dtype=torch.bfloat16)
    torch.testing.assert_close(readout(potential, "softmax-sum"), torch.full((1, 2), 2048.0))


def test_unknown_readout_names_the_choices():
    with pytest.raises(ValueError, match=r"median.*mean, max, last, softmax-sum"):
        readout(potentials(), "median")


def layers(rate, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [(torch.rand(T, B, n, generator=generator, dtype=torch.float64) < rate).double() for n in (4, 6)]


def loop_frequency(spikes, lengths):
    total = 0.0
    for layer in spikes:
        for n in range(layer.shape[2]):
            total += sum(layer[t, b, n].item() for b in range(B) for t in range(lengths[b])) / int(lengths.sum())
    return total


@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_spike_frequency_is_the_loop(lengths):
    expected = loop_frequency(layers(0.5), torch.full((B,), T) if lengths is None else lengths)
    assert spike_frequency(layers(0.5), lengths).item() == pytest.approx(expected, rel=1e-12)


def test_spike_frequency_of_layers_with_several_axes():
    spikes = layers(0.5)
    folded = [spikes[0].view(T, B, 2, 2), spikes[1].view(T, B, 2, 3)]
    torch.testing.assert_close(spike_frequency(folded, LENGTHS), spike_frequency(spikes, LENGTHS))


@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_regulariser_above_the_limit(lengths):
    limit, neurons = 0.2, 10
    spikes = [layer.requires_grad_() for layer in layers(0.6)]
    loss = spike_regulariser(spikes, limit, lengths)
    loss.backward()
    steps = torch.full((B,), T) if lengths is None else lengths
    excess = loop_frequency(spikes, steps) - limit * neurons
    assert excess > 0
    assert loss.item() == pytest.approx(excess**2, rel=1e-12)
    for layer in spikes:
        for b in range(B):
            valid, padding = layer.grad[: steps[b], b], layer.grad[steps[b] :, b]
            torch.testing.assert_close(valid, torch.full_like(valid, 2 * excess / int(steps.sum())))
            assert not padding.any()


def test_regulariser_below_the_limit_is_exactly_nothing():
    spikes = [layer.requires_grad_() for layer in layers(0.6)]
    loss = spike_regulariser(spikes, 0.95)
    loss.backward()
    assert loss.item() == 0
    assert all(not layer.grad.any() for layer in spikes)


def test_one_busy_neuron_among_quiet_ones_is_not_punished():
    """The relu is over the whole network's mean: eq. 21 limits the sum, not each neuron."""
    quiet = torch.zeros(T, B, 10)
    quiet[:, :, 0] = 1
    assert spike_regulariser([quiet], 0.2).item() == 0
    assert spike_regulariser([quiet], 0.05).item() == pytest.approx(0.25)


@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_tet_is_the_loop(lengths):
    labels, weight = torch.tensor([0, 2, 1, 1, 0]), 0.1
    steps = torch.full((B,), T) if lengths is None else lengths
    places = [(t, b) for b in range(B) for t in range(int(steps[b]))]
    entropy = sum(F.cross_entropy(potentials()[t, b], labels[b]) for t, b in places) / len(places)
    square = sum((potentials()[t, b] - 1).square().mean() for t, b in places) / len(places)
    torch.testing.assert_close(tet(potentials(), labels, weight, lengths), (1 - weight) * entropy + weight * square)


def test_mpe_total():
    total = mpe_total(torch.tensor(2.0), [torch.tensor(3.0), torch.tensor(5.0)], 0.25)
    assert total.item() == 0.75 * 2 + 0.25 * 8


def test_estimation_error_has_a_floor_where_it_is_asked_for():
    loss = torch.tensor(2.0)
    errors = [torch.tensor(value, requires_grad=True) for value in (-3.0, 1.0)]
    assert mpe_total(loss, errors, 0.25).item() == pytest.approx(0.75 * 2 - 0.25 * 2)
    floored = mpe_total(loss, errors, 0.25, 0.0)
    assert floored.item() == pytest.approx(1.5)
    assert not any(grad.any() for grad in torch.autograd.grad(floored, errors))
    assert mpe_total(loss, errors[1:], 0.25, 0.0).item() == pytest.approx(1.75)
