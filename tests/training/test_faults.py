import pytest
import torch

import spikescan as ss
from spikescan.errors import TrainingError
from spikescan.networks import SpikingMLP
from spikescan.training import faults, run
from spikescan.training.classifier import SKIPS
from spikescan.training.task import Task


def network():
    torch.manual_seed(0)
    return SpikingMLP(5, (4, 3), 2, neuron=lambda: ss.LIF())


def test_all_finite():
    assert faults.all_finite([])
    assert faults.all_finite([torch.zeros(0), torch.tensor([1e38, -1e38])])
    assert not faults.all_finite([torch.ones(2), torch.tensor([1.0, torch.nan])])
    assert not faults.all_finite([torch.tensor([-torch.inf])])


def test_weights_are_named():
    net = network()
    assert faults.faulty_weights(net) is None
    net.linears[1].weight.data[0, 0] = torch.nan
    assert faults.faulty_weights(net) == "the weights linears.1.weight"


def test_first_gradient_of_the_backward_pass_is_named():
    net = network()
    for parameter in net.parameters():
        parameter.grad = torch.zeros_like(parameter)
    assert faults.faulty_gradient(net) is None
    net.linears[0].weight.grad[0, 0] = torch.inf
    net.linears[1].weight.grad[0, 0] = torch.nan
    assert faults.faulty_gradient(net) == "the gradient of linears.1.weight"


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (lambda net, x: x[2].fill_(torch.nan), "the input"),
        (lambda net, x: net.linears[0].weight.data.fill_(torch.nan), "the potential of hidden layer 1 (lif)"),
        (lambda net, x: net.linears[1].bias.data.fill_(torch.inf), "the potential of hidden layer 2 (lif)"),
        (lambda net, x: net.output.bias.data.fill_(torch.nan), "the readout layer"),
        (lambda net, x: None, None),
    ],
)
def test_first_layer_is_named(spoil, named):
    net, x = network(), torch.ones(6, 2, 5)
    spoil(net, x)
    assert faults.faulty_layer(x, net.run(x, potentials=True), ["lif", "lif"]) == named


def test_diverging_run_stops_and_keeps_the_last_good_checkpoint(recipe, store, tmp_path, monkeypatch):
    """Weights turn NaN in the second epoch: the loss does at the next step."""
    original = Task.on_before_optimizer_step

    def spoil(self, optimizer):
        original(self, optimizer)
        if self.current_epoch == 1:
            self.network.output.bias.data.fill_(torch.nan)

    monkeypatch.setattr(Task, "on_before_optimizer_step", spoil)
    stuff = run.prepare(recipe(training__epochs=3), tmp_path / "run", store=store)
    message = r"epoch 2, step 2: .* the weights output.bias. The checkpoint of epoch 1 is kept"
    with pytest.raises(TrainingError, match=message):
        run.train(stuff, tmp_path / "run", say=str)
    kept = list((tmp_path / "run" / "checkpoints").iterdir())
    assert [path.name for path in kept] == ["epoch-0001.ckpt"]
    assert len((tmp_path / "run" / "metrics.csv").read_text().splitlines()) == 2


def test_huge_learning_rate_is_found_before_it_is_saved(recipe, store, tmp_path):
    huge = {"training__lr": 1e6, "training__weight_decay": 1e6}
    changed = recipe(**huge, training__schedule="constant", training__optimiser="sgd")
    stuff = run.prepare(changed, tmp_path / "run", store=store)
    with pytest.raises(TrainingError, match=r"epoch 1, step \d+: training diverged"):
        run.train(stuff, tmp_path / "run", say=str)
    assert not list((tmp_path / "run" / "checkpoints").iterdir())


def test_gradient_is_checked_before_the_step(recipe, store, tmp_path, monkeypatch):
    def spoil(self, loss, *arguments):
        loss.backward()
        self.network.linears[0].weight.grad[0, 0] = torch.inf

    monkeypatch.setattr(Task, "backward", spoil)
    stuff = run.prepare(recipe(), tmp_path / "run", store=store)
    message = r"epoch 1, step 1: .*the gradient of linears.0.weight. No epoch was finished"
    with pytest.raises(TrainingError, match=message):
        run.train(stuff, tmp_path / "run", say=str)


def test_mixed_precision_skips_some_steps_and_stops_at_many(recipe, store, tmp_path):
    task = Task(run.prepare(recipe(), tmp_path / "run", store=store))
    assert all(task._may_skip() for _ in range(SKIPS))
    assert not task._may_skip()
    assert task.skipped == SKIPS + 1
