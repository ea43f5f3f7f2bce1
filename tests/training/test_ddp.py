"""Two processes share each epoch: own samples and draws, the same weights, and figures over all samples."""

import subprocess
import sys

import pytest
import torch

SCRIPT = """
import sys, torch, lightning.pytorch as pl
from spikescan.random import new_seed
from spikescan.training import fitting, recipe_files, run
from spikescan.training.task import Task

class Told(Task):
    def training_step(self, batch, number):
        self.shown = getattr(self, "shown", []) + batch.indices.tolist()
        return super().training_step(batch, number)

    def on_train_epoch_end(self):
        super().on_train_epoch_end()
        row = self.rows[-1]
        torch.manual_seed(5)
        found = self.shown, row, self.network.state_dict(), int(new_seed())
        torch.save(found, f"{sys.argv[3]}/rank{self.global_rank}.pt")

task = Told(run.prepare(recipe_files.load(sys.argv[1]), sys.argv[3] + "/run", store=sys.argv[2]))
with fitting.quiet_lightning():
    pl.Trainer(
        accelerator="cpu", devices=2, strategy="ddp_fork",
        max_epochs=1, logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, use_distributed_sampler=False, num_sanity_val_steps=0,
    ).fit(task)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="forks")
def test_two_processes(recipe, store, tmp_path):
    from spikescan.data.catalog import load
    from spikescan.training.recipe_files import dumps

    chosen = recipe(network__norm=False)
    load("shd", root=chosen.data.root, store=store, channels=chosen.data.channels)
    (tmp_path / "recipe.toml").write_text(dumps(chosen))
    (tmp_path / "ddp.py").write_text(SCRIPT)
    places = [str(tmp_path / "recipe.toml"), str(store), str(tmp_path)]
    command = [sys.executable, str(tmp_path / "ddp.py"), *places]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    ranks = [torch.load(tmp_path / f"rank{rank}.pt", weights_only=True) for rank in range(2)]
    (first, row, weights, seed), (second, other_row, other_weights, other_seed) = ranks
    assert not set(first) & set(second)
    assert len(first) + len(second) == 40
    assert row | {"seconds": 0} == other_row | {"seconds": 0}
    for name, tensor in weights.items():
        torch.testing.assert_close(tensor, other_weights[name], rtol=0, atol=0)
    assert seed != other_seed
