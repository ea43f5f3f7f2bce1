"""A finished run without its data: network, front end, class names, and the answers they give."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spikescan.data.dataset import Dataset
from spikescan.data.event_tensor import Batch
from spikescan.errors import InputError
from spikescan.inference import files
from spikescan.inference.stream import Stream
from spikescan.inference.value_stream import ValueStream
from spikescan.losses import readout
from spikescan.training import build, custom, facts
from spikescan.training.devices import find_device
from spikescan.training.evaluate import load_weights
from spikescan.training.facts import Facts
from spikescan.training.folder import RunFolder
from spikescan.training.networks import Network
from spikescan.training.recipe import Recipe
from spikescan.types import NetworkOutput


@dataclass(frozen=True)
class Prediction:
    """The answer for one recording."""

    label: str
    probabilities: dict[str, float]
    """Softmax of the class scores, by class name, the likeliest first."""

    @property
    def probability(self) -> float:
        """Of `label`."""
        return self.probabilities[self.label]

    @property
    def runner_up(self) -> str | None:
        """The second likeliest class."""
        return next((name for name in self.probabilities if name != self.label), None)


@dataclass(frozen=True, eq=False)
class Model:
    """What `spikescan.load` gives. Answers depend on the recording and the seed alone, not on other recordings.

    Stochastic neurons draw, as they did when the run's accuracy was measured; the same seed gives the same answer.
    """

    where: Path
    recipe: Recipe
    facts: Facts
    network: Network
    front_end: Any = None
    """What makes events, or values, of sound (`spikescan.audio`); None for a run on anything else."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """A name for each neuron of the readout."""
        return build.answers(self.recipe, self.facts)

    @property
    def inputs(self) -> int:
        """Channels that the network sees, pooled."""
        return build.inputs(self.recipe, self.facts)

    def predict(self, path: Path | str, *, seed: int = 0) -> Prediction:
        """The answer for the one recording in a file of a format that the run was trained on.

        wav and flac for a run on sound; SHD's HDF5 layout, .npz (see docs/own-data.md) or the event camera's own format
        for a run on events.

        Raises:
            InputError: naming the file, where it cannot be read, does not suit the run, or holds several recordings.
        """
        found = list(self.predict_all(path, seed=seed))
        if len(found) != 1:
            raise InputError(f"{path}: holds {len(found)} recordings; predict_all answers for each")
        return found[0][1]

    def predict_all(self, path: Path | str, *, seed: int = 0) -> Iterator[tuple[str, Prediction]]:
        """(name, answer) for each recording in a file: the file's name, or with several `name#0`, `name#1`, …"""
        for name, recording in self.recordings(path, seed=seed):
            yield name, self.answer(recording, seed=seed)

    def recordings(self, path: Path | str, *, seed: int = 0) -> Iterator[tuple[str, Dataset]]:
        """(name, data set of one sample) for each recording in a file; `seed` is the front end's."""
        return files.recordings(Path(path), self, seed)

    def answer(self, recording: Dataset, *, seed: int = 0) -> Prediction:
        """The answer for a data set of one sample."""
        return self.prediction(self.scores(recording, seed=seed))

    def predict_arrays(self, times: Any, channels: Any, *, unit: str = "s", seed: int = 0) -> Prediction:
        """The answer for events at `times` (n,), float seconds (integers need a `unit`), on `channels` (n,)."""
        return self.answer(files.of_arrays(times, channels, self.facts, unit), seed=seed)

    def predict_values(self, values: Any, *, seed: int = 0) -> Prediction:
        """The answer for real-valued data (T, C), or (T,) of one channel, in the steps that the run was trained on."""
        return self.answer(files.of_values(values, self.facts), seed=seed)

    def predict_sound(self, samples: Any, rate: int, *, seed: int = 0) -> Prediction:
        """The answer for a sound: samples (n,) in -1 to 1, `rate` of them a second."""
        return self.answer(files.of_sound(np.asarray(samples), rate, self, seed), seed=seed)

    def stream(self, *, rate: int | None = None, seed: int = 0) -> Stream:
        """A recording that is still arriving; `rate`, samples a second, for a run on sound.

        Raises:
            InputError: for a run whose front end or frames need the whole recording.
        """
        if self.facts.period is not None and self.front_end is None:
            raise InputError(f"{self.where}: trained on real-valued data, which are not streamed; use predict_values")
        if self.recipe.data.frames is not None:
            frames = self.recipe.data.frames
            raise InputError(f"{self.where}: the network cuts a recording into {frames} frames, which needs all of it")
        sound = None if self.front_end is None else files.sound_stream(self, rate, seed)
        return (Stream if self.facts.period is None else ValueStream)(self, sound, seed)

    def prediction(self, scores: Tensor) -> Prediction:
        """The answer of class scores (classes,)."""
        probabilities = scores.softmax(-1).tolist()
        order = sorted(range(len(probabilities)), key=lambda k: -probabilities[k])
        return Prediction(self.class_names[order[0]], {self.class_names[k]: probabilities[k] for k in order})

    def scores(self, recording: Dataset, *, seed: int = 0) -> Tensor:
        """(classes,) logits for a data set of one sample."""
        output, batch = self.run(recording, seed=seed)
        lengths = batch.lengths if self.recipe.data.masked else None
        return readout(output.readout, self.recipe.loss.readout, lengths)[0].cpu()

    @torch.no_grad()
    def run(self, recording: Dataset, *, seed: int = 0, potentials: bool = False) -> tuple[NetworkOutput, Batch]:
        """All that the network returns for a data set of one sample, and the batch that it saw."""
        device = next(self.network.parameters()).device
        batch = build.batches_of(self.recipe, recording)(recording.indices, 0).to(device)
        lengths = batch.lengths if self.recipe.data.masked else None
        return self.network.run(batch.events, seed=seed, lengths=lengths, potentials=potentials), batch

    @cached_property
    def _maker(self) -> Any:
        empty = (
            files.of_arrays([], [], self.facts, "s")
            if self.facts.period is None
            else files.of_values(np.zeros((1, self.facts.channels)), self.facts)
        )
        return build.batches_of(self.recipe, empty)

    @property
    def tail(self) -> int:
        """Steps of silence that the network hears behind a recording."""
        return self._maker.tail

    @property
    def width(self) -> int:
        """Values of real-valued data that a step averages."""
        return self._maker.width

    def binning(self, times: np.ndarray) -> np.ndarray:
        """The step of each time (n,) in µs, rising, int64."""
        step = self._maker.step
        return times * step.denominator // step.numerator

    def pooled(self, channels: np.ndarray) -> np.ndarray:
        """The network's channel of each of the recording's (n,)."""
        return channels // self.recipe.data.pool


def load(run: Path | str, *, classes: Iterable[Any] = (), device: str | None = None) -> Model:
    """The network, front end and class names of the finished run in folder `run`; its data are not needed.

    classes  neurons or firing functions of your own that the run uses: what the folder's files name is not imported.
    device   "cpu" or "cuda"; default: cuda where torch sees one.

    Raises:
        InputError: for a folder without a finished run, damaged files, or a custom class that is not in `classes`.
    """
    folder = RunFolder(Path(run))
    custom.hand_over(classes)
    recipe = folder.read_recipe().resolved()
    known = facts.read(folder.facts)
    network = build.network_of(recipe, known)
    load_weights(network, folder.model)
    front_end = None if known.front_end is None else files.front_end(known.front_end)
    return Model(folder.path, recipe, known, network.to(find_device(device or "auto")).eval(), front_end)
