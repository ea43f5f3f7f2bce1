"""The feed-forward network of the SPSN experiments: Linear, neuron, …, Linear, leaky integrator."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn

from ..neurons import SPSN, LeakyIntegrator, Neuron
from ..random import as_seed, fold, new_seed, refuse_second_seed
from ..types import NetworkOutput, NetworkState, NeuronOutput, Seed, State
from ._event_linear import EventLinear, Events
from ._norm import SequenceNorm
from ._spike_linear import SpikeLinear


class SpikingMLP(nn.Module):
    """Hidden layers of spiking neurons and a readout of potentials (SPSN IV-A: 700 inputs, 3 x 128, 20 classes).

    Args:
        inputs: channels of the input.
        hidden: neurons of each hidden layer.
        classes: neurons of the readout.
        neuron: makes a layer's neurons; called once for each hidden layer.
        readout: makes the readout's leaky integrators; None leaves the plain Linear (the non-spiking baseline).
        norm: batch normalisation after each hidden Linear, which then has no bias; padding enters no statistic.
        dropout: probability of dropping a hidden output, independently at each step.
        bias: whether the Linear layers have one.
        init: "published" (Kaiming uniform over fan_in with linear gain, zero bias) or "torch" (PyTorch's own).
    """

    def __init__(
        self,
        inputs: int,
        hidden: Sequence[int] = (128, 128, 128),
        classes: int = 20,
        neuron: Callable[[], Neuron] = SPSN,
        readout: Callable[[], Neuron] | None = LeakyIntegrator,
        *,
        norm: bool = False,
        dropout: float = 0.0,
        bias: bool = True,
        init: str = "published",
    ) -> None:
        super().__init__()
        if init not in ("published", "torch"):
            raise ValueError(f"init: {init!r} is not published or torch")
        for name, made in (("neuron", neuron), ("readout", readout)):
            if isinstance(made, nn.Module) or not (made is None or callable(made)):
                raise TypeError(
                    f"{name}: a function that makes neurons is needed, for instance lambda: ss.SPSN(...), "
                    f"found {type(made).__name__}"
                )
        sizes, neurons = [inputs, *hidden], [neuron() for _ in hidden]
        spiking = dropout == 0 and all(getattr(made, "spiking", False) for made in neurons)  # dropout scales the rest
        exact = all(getattr(made, "backend", None) == "reference" for made in neurons)  # every derivative is wanted
        between = partial(SpikeLinear, backend="reference" if exact else "auto") if spiking else nn.Linear
        self.linears = nn.ModuleList(
            (between if k else EventLinear)(before, after, bias=bias and not norm)
            for k, (before, after) in enumerate(zip(sizes, hidden, strict=False))
        )
        self.norms = nn.ModuleList(SequenceNorm(size) for size in hidden) if norm else None
        self.neurons = nn.ModuleList(neurons)
        self.dropout = nn.Dropout(dropout)
        self.output = between(sizes[-1], classes, bias=bias)
        self.readout = None if readout is None else readout()
        if init == "published":
            self.apply(_published_init)

    def run(
        self,
        x: Tensor | Events,
        state: NetworkState | None = None,
        *,
        seed: Seed | None = None,
        lengths: Tensor | None = None,
        potentials: bool = False,
    ) -> NetworkOutput:
        """Readout potentials (T, B, classes), the hidden layers' outputs, and the state after the last step.

        Args:
            x: (T, B, inputs), event counts or any floating-point input; or the events themselves, an
                `EventTensor`: the dense tensor is then never made (see `EventLinear`).
            state: what an earlier chunk returned; it carries seeds and steps. None starts at rest.
            seed: of all draws of the network; layer k uses `random.fold(seed, k)`.
            lengths: int64 (B,); steps from lengths[b] on are padding.
            potentials: whether the hidden layers' potentials are wanted as well.
        """
        refuse_second_seed(seed, state is not None)
        states = None if state is None else state.layers
        device = self.output.weight.device
        source = None if state is not None else new_seed(device) if seed is None else as_seed(seed, device)
        layers: list[NeuronOutput] = []
        for k, neuron in enumerate(self.neurons):
            current = self.linears[k](x)
            current = current if self.norms is None else self.norms[k](current, lengths)
            before = None if states is None else states[k]
            own = None if source is None else fold(source, k)
            out: NeuronOutput = cast(Neuron, neuron).run(
                current, before, seed=own, lengths=lengths, potentials=potentials
            )
            layers.append(out)
            assert out.spikes is not None
            x = self.dropout(out.spikes.to(current.dtype))  # of a `spike_dtype` that no Linear may take
        readout, after = self._read(self.output(x), None if state is None else state.readout, lengths)
        return NetworkOutput(readout, tuple(layers), NetworkState(tuple(out.state for out in layers), after))

    def initial_state(self, seed: Seed) -> NetworkState:
        """At rest before the first step, with the seeds that `run(x, seed=seed)` gives the layers."""
        seed = as_seed(seed, self.output.weight.device)
        step = torch.zeros_like(seed)
        layers = tuple(State(seed=fold(seed, k), step=step) for k in range(len(self.neurons)))
        return NetworkState(layers, None if self.readout is None else State(step=step))

    def _read(self, x: Tensor, state: State | None, lengths: Tensor | None) -> tuple[Tensor, State | None]:
        if self.readout is None:
            if lengths is not None:
                padding = torch.arange(x.shape[0], device=x.device)[:, None] >= lengths
                x = x.masked_fill(padding[..., None], 0)
            return x, None
        out = self.readout.run(x, state, lengths=lengths)
        assert out.potential is not None
        return out.potential, out.state

    def forward(self, x: Tensor | Events, seed: Seed | None = None) -> Tensor:
        """The readout's potentials alone, (T, B, classes)."""
        return self.run(x, seed=seed).readout


def draw_as_published(network: SpikingMLP, seed: int) -> None:
    """Give `network` the weights that the published code of SPSN draws after `torch.manual_seed(seed)`: layer after
    layer torch's own initialisation, and the published one over it."""
    torch.manual_seed(seed)
    for layer in (*network.linears, network.output):
        cast(nn.Linear, layer).reset_parameters()
        _published_init(layer)


def _published_init(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.kaiming_uniform_(module.weight, mode="fan_in", nonlinearity="linear")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
