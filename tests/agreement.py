"""Two backends of one neuron: forward and every gradient, under random cotangents.

A spike may differ where a potential is within rounding of its threshold, or a probability of its draw. So each neuron
is first run in float64 on inputs disturbed by far more than rounding. Where that changes a spike, neither that spike is
compared nor does it have a cotangent; where a spike changes what follows (after a reset, and in MPE-PSN) nothing of
that neuron is from there on. A share of steps that is left is asserted. All else has to agree, and every gradient.
"""

import copy
from collections.abc import Callable

import torch
from helpers import leaf, strided
from tolerances import FLOOR, assert_close
from torch import Tensor

import spikescan as ss
from spikescan import firing

DISTURBANCE = 2e-5
SEED = 5


def state_for(neuron: ss.Neuron, current: Tensor, random: bool) -> ss.State:
    """A state to start from, at rest or not, with a seed and a step."""
    inside = torch.float64 if current.dtype == torch.float64 else torch.float32
    shape, like = current.shape[1:], (torch.randn if random else torch.zeros)
    synapse = like(shape, dtype=inside) if getattr(neuron, "decay_syn", None) is not None else None
    step = 0 if getattr(neuron, "kappa", None) is not None else 3
    return ss.State(synapse, like(shape, dtype=inside) / 4, torch.tensor(SEED), torch.tensor(step))


def run(neuron: ss.Neuron, current: Tensor, state: ss.State, lengths: Tensor | None, **options) -> ss.NeuronOutput:
    if lengths is not None and getattr(neuron, "kappa", None) is not None:  # MPE-PSN takes no state with both
        return neuron.run(current, seed=SEED, lengths=lengths, **options)
    return neuron.run(current, state, lengths=lengths, **options)


def follows_spikes(neuron: ss.Neuron) -> bool:
    """Whether later values depend on a spike."""
    return isinstance(neuron, ss.LIF | ss.MPEPSN)


def steady_spikes(neuron: ss.Neuron, current: Tensor, state: ss.State, lengths: Tensor | None) -> Tensor:
    """(T, B, *features): whether a spike, and all that it follows from, survives disturbances of the input."""
    exact = copy.deepcopy(neuron).double()
    exact.backend = "reference"
    x, steady = current.double(), torch.ones(current.shape, dtype=torch.bool)
    state = ss.State(*(value if value is None or not value.is_floating_point() else value.double() for value in state))
    spikes = [run(exact, x * (1 + e) + e, state, lengths).spikes for e in (0, DISTURBANCE, -DISTURBANCE)]
    for other in spikes[1:]:
        steady &= spikes[0] == other
    return steady.cumprod(0).bool() if follows_spikes(neuron) else steady


def steepness(neuron: ss.Neuron) -> float:
    """By how much a gradient changes, relative to itself, for each unit that a potential changes: so much it magnifies
    the rounding of potentials."""
    fire = neuron.dynamics.firing if hasattr(neuron, "dynamics") else None
    if isinstance(fire, firing.Escape):
        return 2 / fire.c
    found = firing.surrogate(getattr(fire, "surrogate", "triangular"))
    return 2 * found.slope if isinstance(found, firing.FastSigmoid) else 0.0


def results(
    neuron, backend: str, current: Tensor, state: ss.State, lengths, cotangents: Callable[[str, Tensor], Tensor]
):
    """Everything that the neuron returns, and the gradients of everything that it took."""
    neuron = copy.deepcopy(neuron)
    neuron.backend = backend
    x = leaf(current)
    start = state._replace(
        synapse=None if state.synapse is None else leaf(state.synapse),
        potential=leaf(state.potential),
    )
    out = run(neuron, x, start, lengths, potentials=True)
    values = {
        "spikes": out.spikes,
        "potential": out.potential,
        "last synapse": out.state.synapse,
        "last potential": out.state.potential,
        "loss": out.estimation_loss,
    }
    values = {what: value for what, value in values.items() if value is not None}
    torch.autograd.backward(list(values.values()), [cotangents(what, value) for what, value in values.items()])
    inputs = {"current": x, "synapse": start.synapse, "initial potential": start.potential}
    inputs |= dict(neuron.named_parameters())
    inputs = {what: value for what, value in inputs.items() if value is not None}
    return values, {what: torch.zeros_like(x) if x.grad is None else x.grad for what, x in inputs.items()}


def assert_agree(
    neuron: ss.Neuron,
    current: Tensor,
    *,
    backend: str = "native",
    against: str = "reference",
    start: bool = True,
    lengths: Tensor | None = None,
    dtype: torch.dtype | None = None,
    steady_share: float = 0.9,
) -> Tensor | None:
    """Compare; return the reference's spikes. `dtype` as in `assert_close`."""
    state = state_for(neuron, current, start)
    steady = torch.ones(current.shape, dtype=torch.bool)
    if neuron.spiking:
        steady = steady_spikes(neuron, current, state, lengths)
        assert steady.numel() == 0 or steady.double().mean() >= steady_share
    every = steady if follows_spikes(neuron) else torch.ones_like(steady)
    compared = {"spikes": steady, "potential": every, "last potential": every.all(0)}
    made: dict[str, Tensor] = {}

    def cotangent(what: str, value: Tensor) -> Tensor:
        if what not in made:
            made[what] = torch.randn(value.shape, dtype=value.dtype) * compared.get(what, 1)
        return strided(made[what])

    dtype = dtype or current.dtype
    # What a Fourier transform rounds, it rounds relative to the largest value of the sequence.
    floor = 1.0 if "fft" in (backend, against) else FLOOR
    rough = steepness(neuron) > 20 and dtype == torch.float32
    parameters = dict(neuron.named_parameters())
    expected, actual = (results(neuron, name, current, state, lengths, cotangent) for name in (against, backend))
    assert bool(steady.all()) or "loss" not in expected[0], "a loss is over all neurons: take a seed that disturbs none"
    for what, value in expected[0].items():
        found, mask = actual[0][what], compared.get(what, 1)
        assert found.dtype == value.dtype
        if what == "spikes" and neuron.spiking:
            assert torch.equal(found * mask, value * mask)
        assert_close(found * mask, value * mask, what, dtype=dtype, floor=floor)
    if dtype == torch.float32:  # in a gradient a steep surrogate magnifies the rounding of potentials a hundredfold
        floor = 1.0
    for what, value in expected[1].items():
        coarser = 1.0 if rough else 0.1 if what in parameters else FLOOR  # those are sums over rows and steps
        assert_close(actual[1][what], value, f"gradient of {what}", dtype=dtype, floor=max(floor, coarser))
    return expected[0].get("spikes")
