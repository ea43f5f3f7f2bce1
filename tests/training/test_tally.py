"""Counts against an explicit loop over layers, samples, steps and neurons."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from spikescan.training.build import Material
from spikescan.training.tally import Tally
from spikescan.types import NeuronOutput, State

T, B = 6, 4
LENGTHS = torch.tensor([6, 2, 0, 5])
MILLISECONDS = torch.tensor([6.0, 2.0, 0.0, 5.0], dtype=torch.float64) * 10


def filled(lengths):
    generator = torch.Generator().manual_seed(0)
    spikes = [(torch.rand(T, B, n, generator=generator) < 0.4).float() for n in (3, 5)]
    tally = Tally(layers=2)
    tally.add_layers(tuple(NeuronOutput(layer, State()) for layer in spikes), lengths, MILLISECONDS)
    scores = torch.tensor([[1.0, 0, 0], [0, 2, 1], [0, 0, 3], [5, 0, 1]])
    tally.add_scores(scores, torch.tensor([0, 1, 1, 2]), torch.tensor(0.5))
    return tally, spikes


def test_spikes_are_the_loop():
    tally, spikes = filled(LENGTHS)
    for k, layer in enumerate(spikes):
        by_row = [sum(layer[t, b].sum().item() for t in range(LENGTHS[b])) for b in range(B)]
        rate = sum(by_row) / (int(LENGTHS.sum()) * layer.shape[2])
        per_ms = sum(count / ms for count, ms in zip(by_row, MILLISECONDS.tolist()) if ms) / B
        assert tally.spike_rate[k] == pytest.approx(rate)
        assert tally.spikes_per_ms[k].item() / B == pytest.approx(per_ms)
    assert tally.mean_spikes_per_ms == pytest.approx(tally.spikes_per_ms.sum().item() / B)


def test_without_lengths_every_step_counts():
    tally, spikes = filled(None)
    assert tally.spikes.tolist() == [layer.sum().item() for layer in spikes]
    assert tally.neuron_steps.tolist() == [T * B * 3, T * B * 5]


def test_scores():
    tally, _ = filled(LENGTHS)
    assert (tally.right.item(), tally.samples.item()) == (2, 4)
    assert tally.accuracy == 0.5
    assert tally.mean_loss == 0.5


def test_estimation_distance_is_a_root_mean_square():
    tally, errors = Tally(layers=2), (0.5, 2.0)
    for rows, factor in ((4, 1.0), (2, 4.0)):
        layers = [NeuronOutput(None, State(), None, torch.tensor(error * factor)) for error in errors]
        tally.add_layers(tuple(layers), None, torch.ones(rows))
        tally.samples += rows
    assert tally.estimation_distance == pytest.approx([math.sqrt(error * 2) for error in errors])


def test_empty_tally_is_zero():
    tally = Tally(layers=2)
    assert tally.accuracy == tally.mean_loss == tally.mean_spikes_per_ms == 0
    assert tally.spike_rate == [0, 0]


def test_a_recording_without_events_does_not_spike_without_end(camera_recipe):
    store = SimpleNamespace(durations=np.array([0, 400, 250_000]))
    material = Material(camera_recipe(), None, {"test": SimpleNamespace(store=store)})
    batch = SimpleNamespace(lengths=torch.full((3,), 4), indices=torch.arange(3))
    assert material.milliseconds("test", batch).tolist() == [1.0, 1.0, 250.0]
