"""Lightning's trainer, set up to write where we want, to be quiet, and to fail with a sentence."""

from __future__ import annotations

import logging
import signal
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.plugins.environments import LightningEnvironment

from spikescan.errors import TrainingError
from spikescan.training import checkpoints, loggers, transfer
from spikescan.training.build import Material
from spikescan.training.folder import RunFolder
from spikescan.training.progress import progress_bar
from spikescan.training.recorder import Recorder, stalled
from spikescan.training.task import Task

PRECISIONS: dict[str, Any] = {"32": "32-true", "16": "16-mixed", "bf16": "bf16-mixed"}


def fit(stuff: Material, folder: RunFolder, start: Path | None, say: Callable[[str], None]) -> Task:
    """Train to the last epoch, from the checkpoint ``start``; what is beyond the last epoch is only loaded.

    Raises:
        TrainingError: when training cannot go on; says which checkpoint is left.
        KeyboardInterrupt: for Ctrl-C and SIGTERM.
    """
    values = stuff.recipe.training
    task = Task(stuff)
    rows = [] if start is None else checkpoints.read(start)["rows"]
    if start is None and values.init_from is not None:
        transfer.initialise(task.network, Path(values.init_from), say)
    with quiet_lightning():
        trainer = pl.Trainer(
            max_epochs=len(rows) if stalled(rows, stuff.recipe) else values.epochs,
            accelerator=values.device if values.device == "cpu" else "gpu",
            devices=1,
            precision=PRECISIONS[values.precision],
            callbacks=[Recorder(folder, stuff.recipe, say), *progress_bar(values.epochs)],
            # Named here, so that Lightning does not look for a scheduler in the environment.
            plugins=[checkpoints.Checkpoints(), LightningEnvironment()],
            logger=loggers.make(values.logger, folder, len(rows)),
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
            default_root_dir=str(folder.path),
        )
        try:
            trainer.fit(task, ckpt_path=None if start is None else str(start))
        except SystemExit:  # what Lightning makes of Ctrl-C, and leaves the signal ignored
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGINT, signal.default_int_handler)
            raise KeyboardInterrupt from None
        except TrainingError as error:
            raise TrainingError(f"{error}. {_kept(folder)}") from error.__cause__
    return task


def _kept(folder: RunFolder) -> str:
    found = checkpoints.epochs(folder.checkpoints)
    if not found:
        return "No epoch was finished"
    return f"The checkpoint of epoch {found[0]} is kept in {folder.checkpoints}; --resume goes on from it"


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Lightning's advice (more workers, a GPU that is not used) kept off the screen."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning.*")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
