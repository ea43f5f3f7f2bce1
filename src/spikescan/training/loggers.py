"""Where a run's history goes beside metrics.csv: one of Lightning's loggers, imported when it is asked for."""

from __future__ import annotations

from typing import Any

from spikescan.errors import InputError
from spikescan.training.folder import RunFolder


def make(name: str, folder: RunFolder, done: int) -> Any:
    """The logger ``name`` of the run in ``folder``, of which ``done`` epochs are logged.

    Raises:
        InputError: where its package is missing.
    """
    from lightning.pytorch import loggers

    place = str(folder.path)
    try:
        if name == "tensorboard":  # what a killed run logged beyond its last checkpoint is replaced
            return loggers.TensorBoardLogger(place, name="tensorboard", version="", purge_step=done + 1)
        if name == "csv":
            return loggers.CSVLogger(place, name="csv", version=f"from-epoch-{done + 1}")
        if name == "wandb":
            return loggers.WandbLogger(project="spikescan", name=folder.path.name, save_dir=place)
        return loggers.MLFlowLogger("spikescan", run_name=folder.path.name, save_dir=str(folder.path / "mlruns"))
    except ModuleNotFoundError as error:
        raise InputError(f"training.logger: {name} needs a package: pip install {error.name or name}") from None
