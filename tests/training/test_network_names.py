"""Networks by recipe: the published ones as published, and keys that a kind has no use for."""

import pytest
import torch
from torch import nn

from spikescan.errors import InputError
from spikescan.networks import VGG, ConvNet, GestureNet, ResNet19, SpikingMLP
from spikescan.training import networks, neurons, recipe_files
from spikescan.training.build import material

SENSORS = {
    "dvsgesture": (2, 128, 128),
    "cifar10dvs": (2, 128, 128),
    "ncaltech101": (2, 180, 240),
    "cifar10": (3, 32, 32),
}
CLASSES = {"dvsgesture": 11, "cifar10dvs": 10, "ncaltech101": 101, "cifar10": 10}


def published(name: str, **changes):
    return recipe_files.load(name, {key.replace("__", "."): value for key, value in changes.items()}).resolved()


def built(name: str, **changes):
    recipe = published(name, **changes)
    given = {"sensor": SENSORS[name], "classes": CLASSES[name], "neuron": lambda: neurons.build(recipe)}
    return networks.build(recipe.network, **given)


@pytest.mark.parametrize(
    ("name", "network", "estimate", "steps", "size"),
    [
        ("dvsgesture", GestureNet, "current", 16, 64),
        ("cifar10dvs", VGG, "previous", 10, 48),
        ("ncaltech101", GestureNet, "current", 10, 128),
        ("cifar10", ResNet19, "previous", 4, 32),
    ],
)
def test_published_networks(name, network, estimate, steps, size):
    net = built(name)
    assert type(net) is network
    assert net.size == (size, size)
    assert {(neuron.steps, neuron.estimate, neuron.decay) for neuron in net.neurons} == {(steps, estimate, 0.25)}
    width = {"dvsgesture": 256, "ncaltech101": 128}.get(name, 64)
    first = next(module for module in net.modules() if isinstance(module, nn.Conv2d))
    assert tuple(first.weight.shape) == (width, SENSORS[name][0], 3, 3)
    dropout = {module.p for module in net.modules() if isinstance(module, nn.Dropout)}
    assert dropout == {"cifar10dvs": {0.25}, "cifar10": set()}.get(name, {0.5})


@pytest.mark.parametrize(
    ("name", "epochs", "batch", "lr", "optimiser", "decay", "precision", "memory", "mixup"),
    [
        ("dvsgesture", 230, 8, 0.05, "sgd", 5e-4, "16", 1e-3, 0.5),
        ("cifar10dvs", 230, 32, 0.05, "sgd", 5e-4, "32", 1e-2, 0.5),
        ("ncaltech101", 230, 8, 0.01, "sgd", 5e-4, "16", 0.0, 0.5),
        ("cifar10", 300, 64, 0.01, "adam", 0.0, "32", 1e-2, 0.0),
    ],
)
def test_published_settings(name, epochs, batch, lr, optimiser, decay, precision, memory, mixup):
    recipe = published(name)
    training, loss = recipe.training, recipe.loss
    assert (training.epochs, training.batch_size, training.lr) == (epochs, batch, lr)
    assert (training.optimiser, training.weight_decay, training.schedule) == (optimiser, decay, "cosine")
    assert (training.precision, training.mixup) == (precision, mixup)
    assert not mixup or (training.mixup_beta, training.mixup_epochs) == (0.5, 141)
    assert (loss.kind, loss.tet_weight, loss.readout) == ("tet", 1e-3, "mean")
    assert (loss.estimation_weight, loss.estimation_epochs) == (memory, 150)
    assert loss.estimation_floor == (name == "cifar10")
    assert (recipe.protocol.name, recipe.protocol.test) == ("published", "every-epoch")
    assert recipe.data.augment
    assert name == "cifar10" or (recipe.data.frame_by, recipe.data.flip) == ("number", 0.5)


def test_what_is_left_open_is_written_down():
    network = published("dvsgesture").network
    assert (network.hidden, network.dropout, network.readout) == ([1024], 0.5, "linear")
    assert published("shd").network.bias is True
    assert recipe_files.load("digits", {"network.hidden": "none"}).resolved().network.hidden == [128, 128, 128]


def test_mlp_as_before():
    recipe = recipe_files.load("digits", {"network.hidden": [5], "network.dropout": 0.3}).resolved()
    net = networks.build(recipe.network, inputs=7, classes=3, neuron=lambda: neurons.build(recipe), readout=None)
    assert isinstance(net, SpikingMLP)
    assert (net.linears[0].in_features, net.dropout.p, net.readout) == (7, 0.3, None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"network.width": 8}, r"network: width is no key of kind = 'mlp', which takes bias, delays, dropout"),
        ({"network.kind": "vgg", "network.norm": False}, r"network: hidden is no key of kind = 'vgg'"),
        ({"network.kind": "conv", "network.norm": True}, r"network: norm is no key of kind = 'conv', .*plan"),
        ({"network.kind": "cnn"}, r"network.kind: .*'mlp', 'conv', 'gesture', 'vgg' or 'resnet19'"),
        (
            {"network.kind": "conv", "network.norm": False, "network.plan": [4, "mean"]},
            r"network.plan.*'max' or 'average'",
        ),
        ({"network.hidden": []}, r"network: hidden = \[\] leaves an mlp without neurons"),
        ({"training.mixup": 1.5}, r"training.mixup"),
        ({"data.flip": 2}, r"data.flip"),
        ({"data.frame_by": "events"}, r"data.frame_by: .*'duration' or 'number'"),
    ],
)
def test_keys_are_checked(changes, message):
    with pytest.raises(InputError, match=message):
        recipe_files.load("digits", changes)


def test_plan_that_leaves_no_pixels(camera, camera_recipe):
    recipe = camera_recipe(network__plan=[4, *["max"] * 6]).resolved()
    with pytest.raises(InputError, match=r"network conv: plan: .* leaves \(0, 0\) pixels"):
        material(recipe, camera / "store").network()


def test_a_sensor_is_needed_whole(camera, camera_recipe, recipe, store):
    with pytest.raises(InputError, match=r"network.kind vgg needs the sensor of data set shd whole: it has none"):
        material(recipe("published", network__kind="vgg", network__hidden="none"), store)
    with pytest.raises(InputError, match=r"network.kind conv needs .* nmnist whole: data.pool is 2"):
        material(camera_recipe(data__pool=2), camera / "store")


def test_sensor_and_classes_come_from_the_data(camera, camera_recipe):
    network = material(camera_recipe(network__size="none").resolved(), camera / "store").network()
    assert isinstance(network, ConvNet)
    assert (network.sensor, network.size) == ((2, 34, 34), (34, 34))
    assert network.output[-1].out_features == 3


def test_learned_decays_are_the_layers(camera, camera_recipe):
    recipe = camera_recipe(neuron__name="lif", neuron__learn_tau=True).resolved()
    network = material(recipe, camera / "store").network()
    assert [tuple(neuron.decay_mem.logit.shape) for neuron in network.neurons] == [(1,), (1,)]


def test_weights_are_the_seeds(camera, camera_recipe):
    one, same, other = (material(camera_recipe(seed=seed).resolved(), camera / "store").network() for seed in (1, 1, 2))
    weights = [net.stages[0].folded[0].weight for net in (one, same, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
