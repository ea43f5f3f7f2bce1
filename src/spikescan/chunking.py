"""Long sequences in bounded memory: a network run, and trained, chunk by chunk, with exact gradients.

The state is carried from chunk to chunk and stays in the graph. Of a chunk only what is returned is kept; the rest is
computed again in the backward pass (gradient checkpointing, Chen et al. 2016), where the counter-based generator draws
the same numbers again; but a sequence of one chunk is kept. Nothing is approximated: values, draws and gradients are
those of the whole sequence. What lives on of each chunk is its state, two numbers a neuron, and some 60 kB of graph.

One layer knows chunks all the same, because it sees many steps at once: batch normalisation takes the statistics of a
chunk. Leave it out where equality with the whole is wanted.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import partial
from numbers import Integral
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map
from torch.utils.checkpoint import checkpoint

from .memory import return_freed_memory
from .networks._event_linear import Events
from .neurons import MPEPSN
from .random import as_seed, new_seed, refuse_second_seed
from .scan._checks import check_lengths
from .types import NetworkOutput, NetworkState, NeuronOutput, Seed

HELD = 16
"""Chunks whose freed memory a process holds; then it is returned, which costs page faults."""


def chunked(network: nn.Module, chunk: int) -> "Chunked":
    """`network` (with `run` and `initial_state`, as `SpikingMLP`), run in chunks of `chunk` time steps.

    Its `run` returns what the network's does; its `accumulate` returns sums over time alone, for sequences whose
    outputs do not fit: a million steps train in the memory of one chunk.

        long = ss.chunked(network, chunk=1000)
        totals, _ = long.accumulate(x, lambda output, first: output.readout.sum(0), seed=1)
        loss = F.cross_entropy(totals / len(x), labels)          # the mean readout

    `torch.compile` takes the network inside (its `run`), not the chunks around it.

    Args:
        network: has `run` and `initial_state`.
        chunk: time steps, 1 or more; the last chunk may be shorter.
    Raises:
        TypeError: for a network without those, or a chunk that is no whole number.
        ValueError: for a chunk below 1.
    """
    return Chunked(network, chunk)


class Chunked(nn.Module):
    """A network that goes through time in chunks; see `chunked`."""

    def __init__(self, network: nn.Module, chunk: int) -> None:
        super().__init__()
        if not (hasattr(network, "run") and hasattr(network, "initial_state")):
            raise TypeError(
                "network: one with run and initial_state is needed, as SpikingMLP has them, found "
                f"{type(network).__name__}; a neuron alone goes through chunks with its own `advance`"
            )
        if not isinstance(chunk, Integral):
            raise TypeError(f"chunk: a whole number of time steps is needed, found {type(chunk).__name__}")
        if chunk < 1:
            raise ValueError(f"chunk: at least one time step is needed, found {chunk}")
        self.network: Any = network
        self.chunk = chunk

    def run(
        self,
        x: Tensor | Events,
        state: NetworkState | None = None,
        *,
        seed: Seed | None = None,
        lengths: Tensor | None = None,
        potentials: bool = False,
    ) -> NetworkOutput:
        """The network's `run` of the whole sequence, its outputs joined; x (T, B, *features) and the other arguments as
        there. A `seed` beside a `state` is refused."""
        parts: list[tuple[Tensor, tuple[NeuronOutput, ...]]] = []
        for part, after in self._chunks(x, lambda output, _: output[:2], state, seed, lengths, potentials):
            parts.append(part)
            state = after
        assert state is not None
        readouts, layers = zip(*parts, strict=True)
        joined = tuple(_join(outputs) for outputs in zip(*layers, strict=True))
        return NetworkOutput(torch.cat(readouts), joined, state)

    def accumulate(
        self,
        x: Tensor | Events,
        part: Callable[[NetworkOutput, int], Any],
        state: NetworkState | None = None,
        *,
        seed: Seed | None = None,
        lengths: Tensor | None = None,
        potentials: bool = False,
    ) -> tuple[Any, NetworkState]:
        """(Σ over the chunks of `part(output, first)`, the state after the last step).

        Args:
            part: gives a tensor, or a tuple, list or dictionary of tensors, of a chunk's output; `first` is the chunk's
                first step. Sums over time of anything are exact: readouts, spike counts, L_mem's shares.
        """
        total: Any = None
        for value, after in self._chunks(x, part, state, seed, lengths, potentials):
            total = value if total is None else tree_map(torch.add, total, value)
            state = after
        assert state is not None
        return total, state

    def forward(self, x: Tensor | Events, seed: Seed | None = None) -> Tensor:
        """The readout's potentials alone, (T, B, classes)."""
        return torch.cat([value for value, _ in self._chunks(x, lambda out, _: out.readout, None, seed, None, False)])

    def _chunks(
        self,
        x: Tensor | Events,
        part: Callable[[NetworkOutput, int], Any],
        state: NetworkState | None,
        seed: Seed | None,
        lengths: Tensor | None,
        potentials: bool,
    ) -> Iterator[tuple[Any, NetworkState]]:
        refuse_second_seed(seed, state is not None)
        if hasattr(self.network, "sequence"):
            x, lengths = self.network.sequence(x, lengths, at_rest=state is None)
        if lengths is not None:
            check_lengths(lengths, torch.empty(x.shape, device="meta"))
        if state is None:
            for module in self.network.modules():
                if isinstance(module, MPEPSN):  # which sees a chunk with a state, one of any length
                    module.check_length(x.shape[0])
            device = next(self.network.parameters()).device
            state = self.network.initial_state(new_seed(device) if seed is None else as_seed(seed, device))
        current = cast(NetworkState, state)
        again = torch.is_grad_enabled() and x.shape[0] > self.chunk  # one chunk may as well stay
        for number, (first, piece) in enumerate(self._pieces(x)):

            def once(piece: Any, before: NetworkState, first: int = first) -> tuple[Any, NetworkState]:
                here = None if lengths is None else (lengths - first).clamp(0, self.chunk)
                output = self.network.run(piece, before, lengths=here, potentials=potentials)
                return part(output, first), output.state

            result: Any = (
                checkpoint(once, piece, current, use_reentrant=False, context_fn=partial(self._contexts, number))
                if again
                else once(piece, current)
            )
            value, after = result
            del result
            current = tree_map(_in_a_free_place, after)
            self._tidy(number)
            yield value, current

    def _contexts(self, number: int) -> tuple[AbstractContextManager, AbstractContextManager]:
        return nullcontext(), _Reusable(partial(self._again, number))

    @contextmanager
    def _again(self, number: int) -> Iterator[None]:
        """Around a chunk that is computed again."""
        self._tidy(number)
        with _same_statistics(self.network):
            yield

    def _tidy(self, number: int) -> None:
        """The allocator puts what little lives on from a chunk into the places of its large arrays; those of the next
        chunk then do not fit, and the process would grow with the length of the sequence."""
        if number % HELD == HELD - 1:
            return_freed_memory()

    def _pieces(self, x: Tensor | Events) -> Iterator[tuple[int, Any]]:
        pieces = x.split(self.chunk)
        return ((k * self.chunk, piece) for k, piece in enumerate(pieces))


class _Reusable(AbstractContextManager):
    """A context that `enter` makes anew each time: what is kept for two backward passes is computed again for each."""

    def __init__(self, enter: Callable[[], AbstractContextManager]) -> None:
        self.enter, self.entered = enter, ExitStack()

    def __enter__(self) -> None:
        self.entered.enter_context(self.enter())

    def __exit__(self, *error: Any) -> None:
        self.entered.__exit__(*error)


def _in_a_free_place(value: Any) -> Any:
    """A state was made between the arrays of its chunk; its copy lies where these have been freed."""
    return value.clone() if isinstance(value, Tensor) else value


@contextmanager
def _same_statistics(network: nn.Module) -> Iterator[None]:
    """A chunk that is computed again leaves the running statistics of its norms as they are, and their counts."""
    norms: list[Any] = [module for module in network.modules() if hasattr(module, "running_mean")]
    before = [(norm, norm.momentum, _count(norm)) for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum, count in before:
            norm.momentum = momentum
            if count is not None:
                norm.num_batches_tracked.copy_(count)


def _count(norm: Any) -> Tensor | None:
    count = getattr(norm, "num_batches_tracked", None)
    return None if count is None else count.clone()


def _join(outputs: tuple[NeuronOutput, ...]) -> NeuronOutput:
    def cat(values: tuple[Tensor | None, ...]) -> Tensor | None:
        return None if values[0] is None else torch.cat([value for value in values if value is not None])

    spikes, states, potentials, losses = zip(*outputs, strict=True)
    loss = None if losses[0] is None else torch.stack(losses).sum()
    return NeuronOutput(cat(spikes), states[-1], cat(potentials), loss)
