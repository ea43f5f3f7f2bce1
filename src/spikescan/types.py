"""The axis glossary, what a neuron carries from chunk to chunk, and what it returns.

Every sequence tensor is time first: (T, B, *features), with T time steps, B samples and N = prod(features) neurons.
"""

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

if TYPE_CHECKING:
    from .delays import DelayState

Seed = int | Tensor
"""An int or a 0-d int64 tensor (a tensor never breaks a graph and never waits for the device)."""


class State(NamedTuple):
    """What a neuron needs to go on after a chunk: a pytree of tensors through which gradients flow.

    `synapse` and `potential` are (B, *features), float32 (float64 for a float64 current). For MPE-PSN, `potential` is
    the estimate û of the last step. `seed` and `step` are 0-d int64: the draws of the next step are those of `step`.
    What a neuron does not have is None.

    A state that was made under `torch.inference_mode()` cannot enter a chunk that is trained on: torch saves no
    inference tensor for a backward pass. Make it under `torch.no_grad()`, or clone its tensors.
    """

    synapse: Tensor | None = None
    potential: Tensor | None = None
    seed: Tensor | None = None
    step: Tensor | None = None

    def detach(self) -> "State":
        """The same values, cut from the graph (truncated back-propagation)."""
        return State(*(value if value is None else value.detach() for value in self))

    def to(self, device: torch.device | str) -> "State":
        """The same on `device`."""
        return State(*(value if value is None else value.to(device) for value in self))


class NeuronOutput(NamedTuple):
    """All that one neuron returns for one chunk; nothing is left on the module.

    `spikes` and `potential` are (T, B, *features) in the current's dtype (the spikes in the neuron's `spike_dtype`,
    where it has one); `potential` is None unless it was asked for (a leaky integrator has only potentials: its `spikes`
    is None). `estimation_loss` is MPE-PSN's L_mem, a scalar.
    """

    spikes: Tensor | None
    state: State
    potential: Tensor | None = None
    estimation_loss: Tensor | None = None


class NetworkState(NamedTuple):
    """One state for each hidden layer, the readout's (None for a readout without integrator), and those of the delays
    (none before the first step, and without delays)."""

    layers: tuple[State, ...]
    readout: State | None
    delays: "tuple[DelayState, ...]" = ()

    def detach(self) -> "NetworkState":
        return NetworkState(
            tuple(layer.detach() for layer in self.layers),
            None if self.readout is None else self.readout.detach(),
            tuple(delay.detach() for delay in self.delays),
        )

    def to(self, device: torch.device | str) -> "NetworkState":
        """The same on `device`."""
        readout = None if self.readout is None else self.readout.to(device)
        delays = tuple(delay.to(device) for delay in self.delays)
        return NetworkState(tuple(layer.to(device) for layer in self.layers), readout, delays)


class NetworkOutput(NamedTuple):
    """`readout` (T, B, classes) potentials, the hidden layers' outputs, and the state after the last step."""

    readout: Tensor
    layers: tuple[NeuronOutput, ...]
    state: NetworkState


torch.serialization.add_safe_globals([State, NeuronOutput, NetworkState, NetworkOutput])
"""So that `torch.load` with its default, `weights_only=True`, reads a saved state: it holds tensors alone."""
