"""The feed-forward network of the SPSN experiments: Linear, neuron, …, Linear, leaky integrator."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn

from ..delays import AxonalDelay, DelayState
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
        neuron: makes a layer's neurons; called once for each hidden layer. Or one such function for each layer.
        readout: makes the readout's leaky integrators; None leaves the plain Linear (the non-spiking baseline).
        norm: batch normalisation after each hidden Linear, which then has no bias; padding enters no statistic.
        dropout: probability of dropping a hidden output, independently at each step.
        bias: whether the Linear layers have one.
        delay: makes the delays of so many channels, in front of each Linear, the readout's as well; None: no delays.
            What they hold back at the end of a sequence is lost: let it end with as much silence.
        residual: add to a hidden layer's output that of the layer before, where it is as wide.
        init: "published" (Kaiming uniform over fan_in with linear gain, zero bias) or "torch" (PyTorch's own).
    """

    def __init__(
        self,
        inputs: int,
        hidden: Sequence[int] = (128, 128, 128),
        classes: int = 20,
        neuron: Callable[[], Neuron] | Sequence[Callable[[], Neuron]] = SPSN,
        readout: Callable[[], Neuron] | None = LeakyIntegrator,
        *,
        norm: bool = False,
        dropout: float = 0.0,
        bias: bool = True,
        delay: Callable[[int], AxonalDelay] | None = None,
        residual: bool = False,
        init: str = "published",
    ) -> None:
        super().__init__()
        if init not in ("published", "torch"):
            raise ValueError(f"init: {init!r} is not published or torch")
        makers = list(neuron) if isinstance(neuron, Sequence) else [neuron] * len(hidden)
        if len(makers) != len(hidden):
            raise ValueError(
                f"neuron: one function for each of {len(hidden)} hidden layers is needed, found {len(makers)}"
            )
        for name, made in (*(("neuron", made) for made in makers), ("readout", readout), ("delay", delay)):
            if isinstance(made, nn.Module) or not (made is None or callable(made)):
                raise TypeError(
                    f"{name}: a function that makes {'delays' if name == 'delay' else 'neurons'} is needed, for "
                    f"instance lambda: ss.SPSN(...), found {type(made).__name__}"
                )
        sizes, neurons = [inputs, *hidden], [make() for make in makers]
        spiking = all(getattr(made, "spiking", False) for made in neurons)
        spiking = spiking and dropout == 0 and delay is None and not residual  # which make other numbers of 0 and 1
        exact = all(getattr(made, "backend", None) == "reference" for made in neurons)  # every derivative is wanted
        between = partial(SpikeLinear, backend="reference" if exact else "auto") if spiking else nn.Linear
        self.linears = nn.ModuleList(
            (between if k else EventLinear)(before, after, bias=bias and not norm)
            for k, (before, after) in enumerate(zip(sizes, hidden, strict=False))
        )
        self.norms = nn.ModuleList(SequenceNorm(size) for size in hidden) if norm else None
        self.neurons = nn.ModuleList(neurons)
        self.delays = None if delay is None else nn.ModuleList(delay(size) for size in sizes)
        self.residual = residual
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
        befores = None if state is None else state.layers
        device = self.output.weight.device
        source = None if state is not None else new_seed(device) if seed is None else as_seed(seed, device)
        layers: list[NeuronOutput] = []
        delays: list[DelayState] = []
        before_layer: Tensor | None = None
        for k, neuron in enumerate(self.neurons):
            current = self.linears[k](self._delayed(x, k, state, lengths, delays))
            current = current if self.norms is None else self.norms[k](current, lengths)
            before = None if befores is None else befores[k]
            own = None if source is None else fold(source, k)
            out: NeuronOutput = cast(Neuron, neuron).run(
                current, before, seed=own, lengths=lengths, potentials=potentials
            )
            layers.append(out)
            assert out.spikes is not None
            y = self.dropout(out.spikes.to(current.dtype))  # of a `spike_dtype` that no Linear may take
            if self.residual and before_layer is not None and before_layer.shape == y.shape:
                y = y + before_layer
            x = before_layer = y
        last = self._delayed(x, len(self.neurons), state, lengths, delays)
        readout, after = self._read(self.output(last), None if state is None else state.readout, lengths)
        states = NetworkState(tuple(out.state for out in layers), after, tuple(delays))
        return NetworkOutput(readout, tuple(layers), states)

    def _delayed(
        self,
        x: Tensor | Events,
        place: int,
        state: NetworkState | None,
        lengths: Tensor | None,
        delays: list[DelayState],
    ) -> Tensor | Events:
        """What reaches the Linear at `place`; the state of its delays is added to `delays`."""
        if self.delays is None:
            return x
        before = state.delays[place] if state is not None and state.delays else None
        output, after = cast(AxonalDelay, self.delays[place]).run(x, before, lengths=lengths)
        delays.append(after)
        return output

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
