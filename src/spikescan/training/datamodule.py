"""The batches of a data set for Lightning's Trainer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lightning.pytorch as pl
from torch.utils.data import DataLoader

from spikescan.data.augment import Augment
from spikescan.data.dataset import Dataset
from spikescan.data.torch_data import as_torch


class DataModule(pl.LightningDataModule):
    """Training, validation and test batches of `spikescan.data` data sets, with worker processes where asked for.

    Args:
        train: training samples.
        validation: None holds out a tenth of every class of `train`, drawn with seed 0.
        test: None leaves ``trainer.test`` without samples.
        batch_size: samples of a batch.
        dt: seconds of a time step; None: what the training samples suggest.
        augment: what changes training samples by chance.
        workers: processes that make batches; 0 makes them in between.
        binning: frames, frame_by, pool and pad, as `spikescan.data.batches` has them.
    """

    def __init__(
        self,
        train: Dataset,
        validation: Dataset | None = None,
        test: Dataset | None = None,
        *,
        batch_size: int = 64,
        dt: float | None = None,
        augment: Augment | None = None,
        workers: int = 0,
        **binning: Any,
    ) -> None:
        super().__init__()
        if validation is None:
            train, validation = train.split(0.1)
        self.train_data, self.validation_data, self.test_data = train, validation, test
        self.batch_size, self.workers, self.augment = batch_size, workers, augment
        frames = binning.get("frames")
        self.dt = train.suggested_dt() if dt is None and frames is None else dt
        self.binning = {"dt": self.dt, **binning}

    def train_dataloader(self) -> DataLoader:
        return self._loader(self.train_data, shuffle=True, augment=self.augment)

    def val_dataloader(self) -> DataLoader:
        return self._loader(self.validation_data)

    def test_dataloader(self) -> DataLoader | list:
        return [] if self.test_data is None else self._loader(self.test_data)

    def predict_dataloader(self) -> DataLoader | list:
        return self.test_dataloader()

    def _loader(self, data: Dataset, *, shuffle: bool = False, augment: Callable | None = None) -> DataLoader:
        return DataLoader(
            as_torch(data, augment=augment, **self.binning),  # type: ignore[arg-type]
            batch_size=self.batch_size,
            shuffle=shuffle,
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
        )
