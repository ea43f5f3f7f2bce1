import tomllib

import numpy as np
import pytest
import torch

from spikescan.errors import InputError
from spikescan.training import recipe_files
from spikescan.training.build import material
from spikescan.training.recipe import Recipe

PACKAGED = {"digits", "nmnist", "published", "shd", "ssc", "dvsgesture", "cifar10dvs", "ncaltech101", "cifar10"} | {
    "smnist",
    "psmnist",
}


def test_packaged_recipes():
    assert set(recipe_files.packaged()) >= PACKAGED


@pytest.mark.parametrize("name", sorted(PACKAGED))
@pytest.mark.parametrize("neuron", ["lif", "spsn-sb", "spsn-gs", "mpe-psn", "relu", "vanilla-lif"])
def test_written_recipe_reads_back(name, neuron):
    recipe = recipe_files.load(name, {"neuron.name": neuron, "data.root": 'a "b"\\\x7f ü', "data.name": name})
    recipe = recipe.resolved()
    text = recipe_files.dumps(recipe)
    assert recipe_files.check(tomllib.loads(text), "x") == recipe
    assert "auto" not in {recipe.network.init, recipe.network.readout}


def test_published_settings():
    """The paper's table of hyperparameters, and what its code does with padding and the test set."""
    recipe = recipe_files.load("published", {"neuron.name": "spsn-sb"}).resolved()
    assert (recipe.data.dt, recipe.data.pad, recipe.data.mask, recipe.data.frames) == (1e-3, "left", False, None)
    assert (recipe.neuron.tau_mem, recipe.neuron.tau_syn) == (20e-3, 20e-3)
    network = recipe.network
    assert (network.hidden, network.norm, network.dropout, network.bias) == ([128] * 3, False, 0, True)
    assert (network.init, network.readout) == ("published", "leaky")
    assert (network.readout_tau_mem, network.readout_tau_syn) == (20e-3, 20e-3)
    assert (recipe.loss.kind, recipe.loss.readout, recipe.loss.rate_limit) == ("cross-entropy", "mean", None)
    training = recipe.training
    assert (training.epochs, training.batch_size, training.optimiser) == (200, 64, "adamax")
    assert (training.lr, training.schedule, training.weight_decay) == (1e-3, "constant", 0)
    assert (recipe.protocol.name, recipe.protocol.test) == ("published", "once")


def test_baseline_without_spikes_has_a_plain_readout():
    recipe = recipe_files.load("published", {"neuron.name": "relu"}).resolved()
    assert (recipe.network.init, recipe.network.readout) == ("torch", "linear")


def test_fixed_steps_need_frames():
    assert recipe_files.load("digits", {"neuron.name": "mpe-psn"}).resolved().data.frames == 16
    changed = {"neuron.name": "mpe-psn", "data.frames": 8}
    assert recipe_files.load("digits", changed).resolved().data.frames == 8
    assert recipe_files.load("digits", {"neuron.name": "lif"}).resolved().data.frames is None


@pytest.mark.parametrize(
    ("setting", "key", "value"),
    [
        ("training.lr=0.01", "training.lr", 0.01),
        ("network.hidden=[64, 32]", "network.hidden", [64, 32]),
        ("data.augment = true", "data.augment", True),
        ("neuron.name=lif", "neuron.name", "lif"),
        ("neuron.tau_syn=none", "neuron.tau_syn", "none"),
        ('data.root="a=b"', "data.root", "a=b"),
    ],
)
def test_settings_are_typed(setting, key, value):
    assert recipe_files.parse_setting(setting) == (key, value)


def test_none_reaches_the_recipe():
    assert recipe_files.load("digits", {"neuron.tau_syn": "none"}).neuron.tau_syn is None


def test_differences():
    one, other = Recipe(), recipe_files.check({"seed": 3, "training": {"lr": 0.5}}, "x")
    assert recipe_files.differences(one, other) == {"seed": (0, 3), "training.lr": (1e-3, 0.5)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"training.learning_rate": 1}, r"training.learning_rate: unknown key.*optimiser"),
        ({"training.epoch": 1}, r"training.epoch: unknown key; did you mean epochs\?"),
        ({"trainin.lr": 1}, r"trainin: unknown key; did you mean training\?"),
        ({"training.lr": -1}, r"training.lr: .*greater than 0 \(found -1\)"),
        ({"training.lr": "fast"}, r"training.lr: .*number.*'fast'"),
        ({"training.lr": float("nan")}, r"training.lr: .*finite"),
        ({"training.epochs": 0}, r"training.epochs"),
        ({"training.optimiser": "lion"}, r"training.optimiser: 'lion' is unknown, choose from adamax, adam, "),
        ({"training.schedule": "x"}, r"training.schedule: 'x' is unknown, choose from constant, one-cycle, cosine"),
        ({"neuron.name": "izhikevich"}, r"neuron.name: .izhikevich. is unknown, choose from adaptive-lif, "),
        ({"neuron.tau_mem": -1}, r"neuron.tau_mem"),
        ({"loss.readout": "median"}, r"loss.readout: 'median' is unknown, choose from mean, max, last"),
        ({"data.dt": 0}, r"data.dt"),
        ({"data.dt": 1e-9}, r"data.dt: .*greater than or equal to 0\.000001"),
        ({"training.lr": 1e38}, r"training.lr: .*less than or equal to 1000000 "),
        ({"training.weight_decay": 1e39}, r"training.weight_decay: .*less than or equal to 1000000 "),
        ({"training.epochs": True}, r"training.epochs: true and false are no value"),
        ({"training.lr": True}, r"training.lr: true and false are no value"),
        ({"network.hidden": [8, True]}, r"network.hidden: true and false are no value"),
        ({"training.precision": 64}, r"training.precision"),
        ({"neuron.name": "mpe-psn", "neuron.learn_tau": True}, r"neuron.learn_tau: neuron mpe-psn has no use for it"),
        ({"neuron.name": "lif", "neuron.decay": 0.5}, r"neuron.decay: neuron lif has no use for it"),
        ({"neuron.name": "relu", "neuron.tau_syn": None}, r"neuron.tau_syn: neuron relu has no use for it"),
        ({"data.pad": "left"}, r"data: mask = true"),
        ({"data.name.x": 1}, r"data.name.x: name is a value"),
        ({"protocol.test": "every-epoch"}, r"protocol: the held-out protocol uses the test set once"),
        ({"protocol.name": "published", "protocol.holdout_speaker": 1}, r"holds out no speaker"),
        ({"seed": -1}, r"seed"),
    ],
)
def test_mistakes_name_the_key_and_the_choices(changes, message):
    with pytest.raises(InputError, match=message):
        recipe_files.load("digits", changes)


def test_unknown_recipe_names_the_packaged_ones():
    with pytest.raises(InputError, match=r"recipe nosuch: no readable file .*digits.*published"):
        recipe_files.load("nosuch")


def test_broken_toml_names_the_file(tmp_path):
    (tmp_path / "x.toml").write_text("[data\n")
    with pytest.raises(InputError, match=r"x\.toml: not a TOML file"):
        recipe_files.load(str(tmp_path / "x.toml"))


@pytest.mark.parametrize(("asked", "taken"), [(16, "16"), (32, "32"), ("bf16", "bf16")])
def test_precision_in_bits(asked, taken):
    assert recipe_files.load("digits", {"training.precision": asked}).training.precision == taken


def test_a_default_that_has_no_use_is_no_mistake():
    assert recipe_files.load("shd", {"neuron.name": "relu", "neuron.learn_tau": False}).neuron.name == "relu"


def test_two_lines_in_one_setting():
    with pytest.raises(InputError, match=r"--set 'training.lr=1\\ntraining.foo=2': one key"):
        recipe_files.parse_setting("training.lr=1\ntraining.foo=2")


def test_setting_without_a_value():
    with pytest.raises(InputError, match=r"--set training.lr: expected key=value"):
        recipe_files.parse_setting("training.lr")


def test_values_that_a_neuron_refuses():
    with pytest.raises(InputError, match=r"neuron spsn-gs: threshold"):
        recipe_files.load("digits", {"neuron.threshold": 2.0}).resolved()


def test_rate_limit_without_spikes():
    with pytest.raises(InputError, match=r"loss.rate_limit.*relu"):
        recipe_files.load("digits", {"neuron.name": "relu", "loss.rate_limit": 0.1}).resolved()


def test_a_recipe_may_start_from_a_packaged_one(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text('base = "published"\n[training]\nlr = 0.5\n')
    found = recipe_files.load(str(file), {"seed": 7})
    changed = recipe_files.differences(recipe_files.load("published"), found)
    assert {key: now for key, (_, now) in changed.items()} == {"training.lr": 0.5, "seed": 7}


def test_the_spoken_digits_have_one_best_recipe():
    changed = recipe_files.differences(recipe_files.load("beyond"), recipe_files.load("shd"))
    assert {key.split(".")[0] for key in changed} == {"data", "neuron", "network", "training"}
    assert recipe_files.load("shd").neuron.learn_tau


def test_another_neuron_leaves_the_settings_of_the_recipes_own():
    """`--neuron spsn-gs` fires by Gumbel, and an LIF has its own input gain, whatever the recipe's neuron had."""
    for name in ("spsn-gs", "lif", "adaptive-lif"):
        found = recipe_files.load("shd", {"neuron.name": name}).neuron
        assert (found.firing, found.surrogate, found.tau, found.frequency, found.input_gain) == (None,) * 5
        assert found.learn_tau
    kept = recipe_files.load("shd", {"neuron.name": "resonate-and-fire"})
    assert kept == recipe_files.load("shd")
    asked = recipe_files.load(
        "shd", {"neuron.name": "spsn", "neuron.firing": "threshold", "neuron.surrogate": "boxcar"}
    )
    assert (asked.neuron.firing, asked.neuron.surrogate) == ("threshold", "boxcar")


def test_frames_have_neither_silence_nor_delays():
    resolved = recipe_files.load("shd", {"neuron.name": "mpe-psn"}).resolved()
    assert (resolved.data.frames, resolved.data.tail, resolved.network.delays) == (16, 0.0, None)


def test_an_unknown_base_is_named(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text('base = "nothing"\n')
    with pytest.raises(InputError, match=r"mine\.toml: base is 'nothing', choose from audio, beyond, "):
        recipe_files.load(str(file))


def test_a_limit_on_the_samples_of_each_class(recipe, store):
    stuff = material(recipe(data__limit=2), store)
    for part in stuff.splits.values():
        labels, counts = np.unique(part.labels, return_counts=True)
        assert len(labels) == 4
        assert counts.max() <= 2
    assert len(stuff.splits["train"]) == len(stuff.splits["test"]) == 8


def test_the_published_protocol_starts_from_the_published_weights(recipe, store):
    """As the published code draws them: layer after layer torch's own initialisation, then the published one."""
    chosen = recipe_files.check(
        recipe_files.merge(
            recipe().model_dump(), {"protocol.name": "published", "network.init": "published", "neuron.name": "spsn-sb"}
        ),
        "test",
    )
    network = material(chosen, store).network()
    torch.manual_seed(chosen.seed)
    for own in (*network.linears, network.output):
        layer = torch.nn.Linear(own.in_features, own.out_features, bias=own.bias is not None)
        torch.nn.init.kaiming_uniform_(layer.weight, mode="fan_in", nonlinearity="linear")
        assert torch.equal(own.weight, layer.weight)
        assert own.bias is None or not own.bias.any()
