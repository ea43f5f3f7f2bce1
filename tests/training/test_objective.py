"""The whole MPE-PSN objective of a convolutional network, written a second time in plain float64 torch."""

import oracles
import pytest
import torch
from tolerances import assert_close
from torch.nn import functional as F

import spikescan as ss
from spikescan.networks import ConvNet
from spikescan.training import recipe_files
from spikescan.training.classifier import objective
from spikescan.training.losses import readout

T, B = 5, 3
SEED = 11


def plain(net: ConvNet, x: torch.Tensor, estimate: str) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Readout and each layer's L_mem: convolution, batch norm, SPEC's equations with the documented draws, pool."""
    losses, here = [], x
    for k, (stage, neuron) in enumerate(zip(net.stages, net.neurons, strict=True)):
        here = here.flatten(0, 1)
        if k == 1:
            here = F.max_pool2d(here, 2)
        elif k == 2:
            here = F.avg_pool2d(here, 2).flatten(1)
        layer = stage.folded[-1]
        if k < 2:
            current = F.conv2d(here, layer.weight, padding=1)
            current = F.batch_norm(current, None, None, stage.norm.weight, stage.norm.bias, training=True)
        else:
            current = F.linear(here, layer.weight, layer.bias)
        current = current.unflatten(0, (T, B))
        r = ss.random.uniform(current.shape, seed=ss.random.fold(SEED, k)).double()
        here, _, loss = oracles.mpe(current, neuron.threshold, neuron.kappa, estimate, r)
        losses.append(loss)
    voted = F.linear(here, net.output[-1].weight, net.output[-1].bias)
    return torch.stack([voted[..., 2 * c : 2 * c + 2].mean(-1) for c in range(3)], -1), losses


@pytest.mark.parametrize("estimate", ["previous", "current"])
@pytest.mark.parametrize(("epoch", "weight"), [(149, 0.2), (150, 0.0), (None, 0.0)])
def test_loss_and_every_gradient(estimate, epoch, weight):
    net = ConvNet(
        (3, "max", 4, "average"),
        3,
        lambda: ss.MPEPSN(T, estimate=estimate, threshold=0.3),
        hidden=(6,),
        votes=2,
        sensor=(2, 8, 8),
    ).double()
    with torch.no_grad():
        for neuron in net.neurons:
            neuron.kappa.add_(torch.rand_like(neuron.kappa))
    changes = {"loss.tet_weight": 0.1, "loss.estimation_weight": 0.2, "neuron.estimate": estimate}
    recipe = recipe_files.load("dvsgesture", changes)
    x, labels = torch.randn(T, B, 2, 8, 8, dtype=torch.float64, requires_grad=True), torch.tensor([2, 0, 1])

    out = net.run(x, seed=SEED)
    found = objective(out, readout(out.readout), labels, None, recipe.loss, epoch=epoch)
    answer, memory = plain(net, x, estimate)
    entropy = sum(F.cross_entropy(answer[t], labels) for t in range(T)) / T
    expected = 0.9 * entropy + 0.1 * (answer - 1).square().mean()
    expected = (1 - weight) * expected + weight * sum(memory) if weight else expected

    assert_close(out.readout, answer, "readout")
    for k, (layer, loss) in enumerate(zip(out.layers, memory, strict=True)):
        assert_close(layer.estimation_loss, loss, f"L_mem {k}")
        assert 0.02 < layer.spikes.mean() < 0.9
    assert_close(found, expected, "loss")
    names = ["x", *(name for name, _ in net.named_parameters())]
    inputs = [x, *net.parameters()]
    gradients = [torch.autograd.grad(loss, inputs, allow_unused=True) for loss in (found, expected)]
    for name, a, b in zip(names, *gradients, strict=True):
        if name.endswith("kappa") and not weight:
            assert a is None
            assert b is None
        else:
            assert a.any(), name
            assert_close(a, b, f"gradient of {name}")
