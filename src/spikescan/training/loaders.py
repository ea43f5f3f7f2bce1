"""Batches in an order that is a function of (seed, epoch) alone, shared out among the ranks."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from spikescan import random
from spikescan.data.dataset import Dataset
from spikescan.data.event_tensor import Batch

# Streams of random numbers that a run draws from its one seed.
INIT, SHUFFLE, AUGMENT, FORWARD, EVALUATE, SPLIT, MIXUP = range(7)


def stream(seed: int, *path: int) -> int:
    """The seed of one purpose, for instance (FORWARD, epoch, batch, rank), as a non-negative int."""
    return int(random.fold(seed, *path)) & (2**63 - 1)


class TrainingBatches:
    """One pass an epoch over ``samples`` in shuffled order; ``len`` batches on every rank.

    The last batch of an epoch may be smaller. Where the samples do not divide among the ranks, some are shown
    twice, so that all ranks take as many steps.

    Args:
        epoch: asked for when a pass begins.
        rank, ranks: which share of every epoch's samples this process takes.
        workers: processes that make batches ahead of their use, the same ones; 0: made when they are asked for.
    """

    def __init__(
        self,
        maker: Callable[[np.ndarray, int], Batch],
        samples: Dataset,
        *,
        batch_size: int,
        seed: int,
        epoch: Callable[[], int],
        rank: int = 0,
        ranks: int = 1,
        workers: int = 0,
    ) -> None:
        self.maker, self.indices, self.batch_size, self.seed = maker, samples.indices, batch_size, seed
        self.epoch, self.rank, self.ranks, self.workers = epoch, rank, ranks, workers

    def __len__(self) -> int:
        share = -(-len(self.indices) // self.ranks)
        return -(-share // self.batch_size)

    def order(self, epoch: int) -> np.ndarray:
        """This rank's sample indices in the order of ``epoch``."""
        shuffled = np.random.default_rng(stream(self.seed, SHUFFLE, epoch)).permutation(self.indices)
        share = -(-len(shuffled) // self.ranks)
        return np.resize(shuffled, share * self.ranks)[self.rank :: self.ranks]

    def __iter__(self) -> Iterator[Batch]:
        epoch = self.epoch()
        order, numbers = self.order(epoch), range(len(self))
        chosen = [order[number * self.batch_size : (number + 1) * self.batch_size] for number in numbers]
        seeds = [stream(self.seed, AUGMENT, epoch, number, self.rank) for number in numbers]
        planned = Planned(self.maker, chosen, seeds)
        if self.workers:
            yield from DataLoader(planned, batch_size=None, num_workers=self.workers)
        else:
            yield from map(planned.__getitem__, numbers)


@dataclass(frozen=True)
class Planned(TorchDataset):
    """The batches of one epoch by number, for worker processes."""

    maker: Callable[[np.ndarray, int], Batch]
    chosen: list[np.ndarray]
    seeds: list[int]

    def __len__(self) -> int:
        return len(self.seeds)

    def __getitem__(self, number: int) -> Batch:
        return self.maker(self.chosen[number], self.seeds[number])


class EvaluationBatches:
    """Every one of ``samples`` once, in their order; whole batches are dealt out to the ranks.

    Where there are too few for each rank to have one, the batches are smaller.
    """

    def __init__(
        self,
        maker: Callable[[np.ndarray, int], Batch],
        samples: Dataset,
        *,
        batch_size: int,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        self.maker, self.indices = maker, samples.indices
        self.batch_size = min(batch_size, max(len(self.indices) // ranks, 1))
        self.numbers = range(rank, -(-len(self.indices) // self.batch_size), ranks)

    def __len__(self) -> int:
        return len(self.numbers)

    def __iter__(self) -> Iterator[Batch]:
        for number in self.numbers:
            yield self.maker(self.indices[number * self.batch_size : (number + 1) * self.batch_size], 0)
