"""The one abstract base: what every neuron offers. Classes below it are abstract or final."""

from abc import abstractmethod

import torch
from torch import Tensor

from ..random import as_seed, new_seed, refuse_second_seed
from ..scan._checks import check_current, check_lengths
from ..scan._select import check_backend
from ..types import NeuronOutput, Seed, State
from ._decay import FullPrecision


class Neuron(FullPrecision):
    """A layer of neurons: currents (T, B, *features) in, spikes of the same shape and dtype out.

    backend: "auto", "reference", "fft", "native" or "triton"; readable, settable, looked up at each call. What auto
        takes stands in `scan/README.md`; a reset with a firing or surrogate of one's own takes the reference loop.
    spiking: whether the output is 0/1 spikes (a leaky integrator gives potentials, a ReLU activations).
    deterministic: whether a stochastic neuron evaluates without draws.
    """

    spiking = True
    stochastic = False

    def __init__(self, *, backend: str = "auto", deterministic: bool = False) -> None:
        super().__init__()
        self.backend = backend
        self.deterministic = deterministic

    @property
    def backend(self) -> str:
        return self._backend

    @backend.setter
    def backend(self, backend: str) -> None:
        self._backend = check_backend(backend)

    @abstractmethod
    def run(
        self,
        current: Tensor,
        state: State | None = None,
        *,
        seed: Seed | None = None,
        lengths: Tensor | None = None,
        potentials: bool = False,
    ) -> NeuronOutput:
        """Everything the neuron computes for a chunk of time steps.

        Args:
            current: floating point (T, B, *features).
            state: what an earlier chunk returned; None starts at rest. It carries the seed and the step.
            seed: of the draws, an int or a 0-d int64 tensor; None takes one from torch's generator.
            lengths: int64 (B,); steps from lengths[b] on are padding: their spikes are 0, and the state of row b is
                the one after its last valid step.
            potentials: whether `potential` is wanted as well.
        Raises:
            ValueError, TypeError: naming the argument.
        """

    def forward(self, current: Tensor, seed: Seed | None = None) -> Tensor:
        """The spikes alone, so that neurons work inside `nn.Sequential`."""
        spikes = self.run(current, seed=seed).spikes
        assert spikes is not None
        return spikes

    def advance(self, current: Tensor, state: State | None = None, *, seed: Seed | None = None) -> tuple[Tensor, State]:
        """(spikes, state): one chunk of a longer sequence. The chunks' spikes joined are those of the whole."""
        out = self.run(current, state, seed=seed)
        assert out.spikes is not None
        return out.spikes, out.state


def check_memory(memory: str) -> str:
    if memory not in ("full", "half"):
        raise ValueError(f"memory: {memory!r} is not full or half")
    return memory


def begin(
    current: Tensor,
    state: State | None,
    seed: Seed | None,
    lengths: Tensor | None,
    draws: bool,
    carried: tuple[str, ...] = ("synapse", "potential"),
) -> tuple[State, Tensor, Tensor | None]:
    """Check what `run` was given; return the state to start from (its seed set where it draws), the step, `lengths`.

    carried: what the neuron's state holds of synapse and potential.
    """
    check_current(current)
    lengths = check_lengths(lengths, current)
    chosen = None if seed is None else as_seed(seed, current.device)
    if state is None:
        state = State()
    elif not isinstance(state, State):
        raise TypeError(f"state: a State that an earlier chunk returned is needed, found {type(state).__name__}")
    refuse_second_seed(seed, state.seed is not None)
    if state.step is None:
        state = state._replace(step=torch.zeros((), dtype=torch.int64, device=current.device))
    else:
        state = state._replace(step=as_seed(state.step, current.device, "state.step"))
    if state.seed is not None:
        state = state._replace(seed=as_seed(state.seed, current.device, "state.seed"))
    for name in ("synapse", "potential"):
        value = getattr(state, name)
        if value is not None and name not in carried:
            raise ValueError(f"state.{name}: this neuron has none; the state is another neuron's")
        if value is not None and (value.shape != current.shape[1:] or value.device != current.device):
            raise ValueError(
                f"state.{name}: {tuple(current.shape[1:])} on {current.device} is needed, "
                f"found {tuple(value.shape)} on {value.device}"
            )
    if draws and state.seed is None:
        state = state._replace(seed=new_seed(current.device) if chosen is None else chosen)
    assert state.step is not None
    return state, state.step, lengths
