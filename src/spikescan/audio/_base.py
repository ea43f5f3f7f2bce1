"""What every front end has in common: seeds, checks, settings, streams."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

import numpy as np

from spikescan.errors import InputError

from ._resample import RATES, Resampler


class Spikes(NamedTuple):
    """Of one recording or chunk, in the order of time."""

    times: np.ndarray  # (E,) float64, seconds from the recording's beginning
    channels: np.ndarray  # (E,) int64


Made = TypeVar("Made", Spikes, np.ndarray)
"""What a front end gives: spikes, or values (n, channels)."""


class Engine(ABC, Generic[Made]):
    """A front end at work on one recording: samples at its own rate to spikes (or values), a chunk at a time."""

    @abstractmethod
    def push(self, samples: np.ndarray) -> Made: ...

    @abstractmethod
    def finish(self) -> Made:
        """What the end of the recording still brings."""


class SpikeEngine(Engine[Spikes]):
    def finish(self) -> Spikes:
        return Spikes(np.empty(0), np.empty(0, np.int64))


class FrontEnd(ABC, Generic[Made]):
    """Sound to spikes, or to values. Not changed by its calls, and equal settings give equal spikes."""

    kind: ClassVar[str]
    causal: ClassVar[bool] = True
    rate: int
    """Samples a second that a recording is resampled to."""

    def __init__(self, channels: int, seed: int) -> None:
        self.channels, self.seed = whole("channels", channels, 1, 100_000), whole("seed", seed, -(2**63), 2**63 - 1)

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """Plain values, of which `from_settings` makes the same front end."""

    @abstractmethod
    def _engine(self, seed: int) -> Engine[Made]: ...

    def __call__(self, samples: np.ndarray, rate: int, *, seed: int | None = None) -> Made:
        """The spikes of a whole recording.

        Args:
            samples: (n,) of any real dtype, usually in [-1, 1].
            rate: samples a second; another rate than the front end's own is converted by the package's windowed-sinc
                resampler (`spikescan.audio._resample`), since a stream has to give the same numbers.
            seed: of the draws; None: the front end's own.
        Raises:
            InputError: for samples that are empty, not on one axis, or not finite, or a rate outside 1 kHz to 1 MHz.
        """
        stream = Stream(self, rate, self._engine(self._chosen(seed)))
        return joined([stream.push(checked(samples, empty=False)), stream.finish()])

    def stream(self, rate: int, *, seed: int | None = None) -> Stream[Made]:
        """A recording that comes in chunks: all of its spikes together are those of the whole at once.

        ValueError for a front end that is not causal.
        """
        if not self.causal:
            raise ValueError(f"{self.kind} needs the whole recording and takes no stream; causal-cochlea does")
        return Stream(self, rate, self._engine(self._chosen(seed)))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.settings().items() if k != 'kind')})"

    def _chosen(self, seed: int | None) -> int:
        return self.seed if seed is None else whole("seed", seed, -(2**63), 2**63 - 1)


class Stream(Generic[Made]):
    """One recording in chunks, with the state carried from each to the next."""

    def __init__(self, front: FrontEnd[Made], rate: int, engine: Engine[Made]) -> None:
        if isinstance(rate, bool) or not isinstance(rate, (int, np.integer)) or not RATES[0] <= rate <= RATES[1]:
            raise InputError(f"rate: a whole number of samples a second from {RATES[0]} to {RATES[1]}, found {rate!r}")
        self._resampler, self._engine, self._finished = Resampler(int(rate), front.rate), engine, False

    def push(self, samples: np.ndarray) -> Made:
        """The spikes that these further samples decide; times count from the recording's beginning."""
        self._refuse_finished()
        return self._engine.push(self._resampler.push(checked(samples, empty=True)))

    def finish(self) -> Made:
        """The last spikes; nothing can be pushed behind them."""
        self._refuse_finished()
        self._finished = True
        return joined([self._engine.push(self._resampler.finish()), self._engine.finish()])

    def _refuse_finished(self) -> None:
        if self._finished:
            raise ValueError("the stream has been finished; begin another one")


def joined(parts: list[Made]) -> Made:
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts)
    return Spikes(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def checked(samples: np.ndarray, empty: bool) -> np.ndarray:
    """As float32 (n,). InputError for what is no sound."""
    found = np.asarray(samples)
    if found.ndim != 1 or not np.issubdtype(found.dtype, np.floating):
        raise InputError(f"samples: real numbers on one axis are needed, found {found.dtype} of shape {found.shape}")
    if not empty and not len(found):
        raise InputError("samples: the recording is empty")
    found = found.astype(np.float32)
    if not np.isfinite(found).all():
        raise InputError(f"samples: not a finite float32 number at sample {int(np.argmin(np.isfinite(found)))}")
    return found


def whole(name: str, value: Any, least: int, most: int) -> int:
    """`value` as an int. TypeError or ValueError, naming it, for what is none or out of range."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name}: a whole number is needed, found {value!r}")
    if not least <= value <= most:
        raise ValueError(f"{name}: {least} to {most} is possible, found {value}")
    return int(value)


def positive(name: str, value: Any) -> float:
    """`value` as a float. TypeError or ValueError, naming it, for what is no finite number above 0."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{name}: a number is needed, found {value!r}")
    if not 0 < value < float("inf"):
        raise ValueError(f"{name}: a finite number above 0 is needed, found {value}")
    return float(value)
