"""`ss.Classifier` and `ss.DataModule` under Lightning's Trainer as it comes, and `ss.train` in one line."""

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from lightning.pytorch.callbacks import EarlyStopping, LearningRateMonitor
from lightning.pytorch.loggers import CSVLogger
from torch.utils.data import DataLoader

import spikescan as ss
from spikescan.errors import InputError
from spikescan.networks import SpikingMLP

pytestmark = pytest.mark.filterwarnings("ignore:::lightning.*")


@pytest.fixture(scope="module")
def data():
    """Two classes that a count of the events by channel tells apart."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 120)
    channels = [rng.integers(4 * label, 4 * label + 5, 30) for label in labels]
    times = [np.sort(rng.uniform(0, 0.1, 30)) for _ in labels]
    return ss.data.from_arrays(times, channels, labels, num_channels=9, name="halves")


def network(**options):
    neuron = lambda: ss.SPSN(tau_mem=10e-3, tau_syn=10e-3, dt=2e-3, firing="gumbel")  # noqa: E731
    return SpikingMLP(9, (16,), 2, neuron, norm=True, **options)


def trainer(tmp_path, **options):
    return pl.Trainer(accelerator="cpu", enable_progress_bar=False, default_root_dir=tmp_path, **options)


def test_default_trainer_with_its_callbacks_and_logger(data, tmp_path):
    """Sanity check, checkpoints, early stopping, learning-rate monitor and a logger, none of which is ours."""
    rest, test = data.split(0.2)
    module = ss.Classifier(network(), training={"optimiser": "adam", "lr": 1e-2, "schedule": "one-cycle"}, dt=2e-3)
    callbacks = [EarlyStopping("validation_accuracy", mode="max", patience=8), LearningRateMonitor("step")]
    logger = CSVLogger(tmp_path, name="log")
    running = trainer(tmp_path, max_epochs=8, callbacks=callbacks, logger=logger, log_every_n_steps=1)
    running.fit(module, ss.DataModule(rest, test=test, batch_size=16, dt=2e-3))
    (measured,) = running.test(module, ss.DataModule(rest, test=test, batch_size=16, dt=2e-3), verbose=False)
    assert measured["test_accuracy"] > 0.9
    columns = set((tmp_path / "log" / "version_0" / "metrics.csv").read_text().splitlines()[0].split(","))
    expected = {"train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "spikes_per_ms"}
    assert expected <= columns
    assert any(name.startswith("lr-") for name in columns)
    assert list(tmp_path.rglob("*.ckpt"))


def test_predictions_are_probabilities(data, tmp_path):
    module = ss.Classifier(network())
    parts = trainer(tmp_path, logger=False).predict(module, ss.DataModule(data, test=data, batch_size=50, dt=2e-3))
    joined = torch.cat(parts)
    assert joined.shape == (120, 2)
    torch.testing.assert_close(joined.sum(1), torch.ones(120))


def test_tuples_are_batches_too(tmp_path):
    """Any DataLoader: currents (T, B, inputs), labels, and lengths where there is padding."""
    x, labels = torch.rand(4, 20, 6, 9), torch.randint(0, 2, (4, 6))
    lengths = torch.full((4, 6), 15)
    changed = x.clone()
    changed[:, 15:] = 1e3  # padding must not matter
    losses = []
    for given in (x, changed):
        torch.manual_seed(0)
        module = ss.Classifier(network(), seed=3)
        running = trainer(tmp_path, max_epochs=1, logger=False, enable_checkpointing=False)
        running.fit(module, DataLoader(list(zip(given, labels, lengths, strict=True)), batch_size=None))
        losses.append(float(running.callback_metrics["train_loss"]))
    assert losses[0] == losses[1]


def test_worker_processes_make_the_same_evaluation(data, tmp_path):
    rest, test = data.split(0.3)
    shared, found = network().state_dict(), []
    for workers in (0, 2):
        module = ss.Classifier(network(), seed=1)
        module.network.load_state_dict(shared)
        batches = ss.DataModule(rest, test=test, batch_size=16, dt=2e-3, workers=workers)
        found += trainer(tmp_path, logger=False).test(module, batches, verbose=False)
    assert found[0] == found[1]


def test_settings_are_checked():
    with pytest.raises(ValueError, match="readout"):
        ss.Classifier(network(), loss={"readout": "median"})
    with pytest.raises(ValueError, match="lrr"):
        ss.Classifier(network(), training={"lrr": 1})


@pytest.mark.usefixtures("no_pictures")
def test_train_in_one_line(data, tmp_path):
    settings = {"training.epochs": 6, "network.hidden": [16], "training.batch_size": 16, "training.device": "cpu"}
    model = ss.train(data, settings=settings, out=tmp_path / "run")
    assert model.facts.name == "halves"
    right = [model.answer(data.subset([k])).label == str(data.labels[k]) for k in range(40)]
    assert np.mean(right) > 0.8
    recipe = model.recipe
    assert recipe.data.dt == data.split(0.2)[0].suggested_dt()
    assert recipe.neuron.tau_mem == pytest.approx(8 * recipe.data.dt)
    assert recipe.neuron.tau_steps is None
    with pytest.raises(InputError, match="--overwrite replaces it"):
        ss.train(data, settings=settings, out=tmp_path / "run")
    longer = ss.train(data, settings={"training.epochs": 7}, out=tmp_path / "run", resume=True)
    assert longer.recipe.training.epochs == 7
    other = data.subset(np.arange(100))
    with pytest.raises(InputError, match="samples are others than the run was trained on"):
        ss.train(other, settings={"training.epochs": 8}, out=tmp_path / "run", resume=True)


@pytest.mark.usefixtures("no_pictures")
def test_train_real_valued_data(tmp_path):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 80)
    phase = rng.uniform(0, 6, (80, 1))
    x = 3 * np.sin(np.arange(60) * (0.1 + 0.7 * labels[:, None]) + phase)[..., None] * [1.0, 0.5]
    data = ss.data.from_dense(x, labels, dt=0.01, name="waves")
    settings = {"training.epochs": 25, "network.hidden": [32], "training.batch_size": 16, "training.device": "cpu"}
    model = ss.train(data, settings=settings, out=tmp_path / "run")
    answers = [model.predict_values(x[k]).label == str(labels[k]) for k in range(80)]
    assert np.mean(answers) > 0.8
    np.savez(tmp_path / "one.npz", x=x[:1])
    assert model.predict(tmp_path / "one.npz") == model.predict_values(x[0])
    with pytest.raises(InputError, match="trained on real-valued data"):
        model.stream()
    with pytest.raises(InputError, match="predict_values takes them"):
        model.predict_arrays([0.1], [0])
