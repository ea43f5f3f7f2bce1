"""ConvNet: its plan, by hand."""

import pytest
import torch
from tolerances import assert_close
from torch.nn import functional as F

import spikescan as ss
from spikescan.networks import ConvNet


def test_layers_by_hand():
    """Convolution, batch norm, ReLU, pool; fully connected; mean over votes: one frame at a time."""
    net = (
        ConvNet((4, "max", 5, "average"), 3, ss.ReLU, hidden=(6,), votes=2, dropout=0.5, sensor=(2, 8, 12))
        .double()
        .eval()
    )
    x = torch.randn(4, 3, 2, 8, 12, dtype=torch.float64)
    readout = net(x)
    scale = 1 / (1 + 1e-5) ** 0.5  # batch norm as it starts
    for t in range(4):
        here = F.max_pool2d((F.conv2d(x[t], net.stages[0].folded[0].weight, padding=1) * scale).relu(), 2)
        here = F.avg_pool2d((F.conv2d(here, net.stages[1].folded[1].weight, padding=1) * scale).relu(), 2)
        first, last = net.stages[2].folded[-1], net.output[-1]
        assert first.weight.shape == (6, 5 * 2 * 3)
        here = F.linear(F.linear(here.flatten(1), first.weight, first.bias).relu(), last.weight, last.bias)
        assert_close(readout[t], torch.stack([here[:, 2 * k : 2 * k + 2].mean(1) for k in range(3)], 1))


def test_batch_norm_is_over_time_batch_and_pixels():
    net = ConvNet((4,), 3, ss.ReLU, sensor=(2, 8, 8)).double()
    x = torch.randn(5, 3, 2, 8, 8, dtype=torch.float64)
    current = F.conv2d(x.flatten(0, 1), net.stages[0].folded[0].weight, padding=1)
    expected = F.batch_norm(current, None, None, training=True).relu().unflatten(0, (5, 3))
    out = net.run(x)
    assert_close(out.layers[0].spikes, expected)
    assert_close(net.stages[0].norm.running_mean, 0.1 * current.mean((0, 2, 3)))
    assert_close(net.stages[0].norm.running_var, 0.9 + 0.1 * current.var((0, 2, 3)))


def test_names_in_the_state_dict():
    net = ConvNet((4, "max", 5), 3, lambda: ss.MPEPSN(6), bias=True, sensor=(2, 8, 8))
    norm = [f"norm.{name}" for name in ("bias", "running_mean", "running_var", "weight")]
    expected = [f"stages.0.{name}" for name in ("folded.0.bias", "folded.0.weight", *norm)]
    expected += [f"stages.1.{name}" for name in ("folded.1.bias", "folded.1.weight", *norm)]
    expected += [f"neurons.{k}.{name}" for k in (0, 1) for name in ("kappa", "threshold")]
    assert sorted(net.state_dict()) == sorted([*expected, "output.2.weight", "output.2.bias"])


def test_dropout_is_for_training_and_differs_by_step():
    net = ConvNet((4,), 3, ss.ReLU, dropout=0.5, sensor=(1, 4, 4)).double()
    x = torch.ones(2, 1, 1, 4, 4, dtype=torch.float64)
    net.eval()
    assert torch.equal(net(x)[0], net(x)[1])
    net.output.train()
    assert not torch.equal(net(x)[0], net(x)[1])


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ((4, "mean"), "'mean' is neither a number of channels nor max or average"),
        ((4, "max", "max", "max"), r"leaves \(0, 0\) pixels"),
        (("max",), "a convolution and a pixel are needed"),
    ],
)
def test_wrong_plans(plan, message):
    with pytest.raises(ValueError, match=f"^plan: .*{message}"):
        ConvNet(plan, sensor=(2, 4, 4))
