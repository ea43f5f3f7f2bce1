"""The non-spiking baseline of the SPSN experiments: a ReLU with a neuron's interface and no memory."""

import torch
from torch import Tensor

from ..scan._select import resolve
from ..types import NeuronOutput, Seed, State
from ._base import Neuron, begin


class ReLU(Neuron):
    """max(x, 0) at each step. `spikes` holds the activations, which are not spikes: `spiking` is False.

    Args:
        backend: see `Neuron`; all of them are the same torch operation.
    """

    spiking = False

    def __init__(self, *, backend: str = "auto") -> None:
        super().__init__(backend=backend)

    def run(
        self,
        current: Tensor,
        state: State | None = None,
        *,
        seed: Seed | None = None,
        lengths: Tensor | None = None,
        potentials: bool = False,
    ) -> NeuronOutput:
        state, step, lengths = begin(current, state, seed, lengths, draws=False, carried=())
        resolve(self.backend, current.device, current.dtype)
        out = current.relu()
        if lengths is not None:
            steps = torch.arange(out.shape[0], device=out.device)
            padding = (steps[:, None] >= lengths).view(out.shape[0], -1, *(1,) * (out.dim() - 2))
            out, current = out.masked_fill(padding, 0), current.masked_fill(padding, 0)
        return NeuronOutput(out, state._replace(step=step + current.shape[0]), current if potentials else None)
