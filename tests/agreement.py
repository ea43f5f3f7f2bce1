"""Two backends of one neuron: forward and every gradient, under random cotangents.

A spike may differ where a potential is within rounding of its threshold, or a probability of its draw, and after a
reset everything follows from one spike. So each neuron of each row is first tried in float64 on inputs disturbed by far
more than rounding; those whose spikes change are left out (a share that is asserted to be small), all others have to
agree.
"""

import copy
from collections.abc import Callable

import torch
from helpers import leaf, strided
from tolerances import assert_close
from torch import Tensor

import spikescan as ss

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


def disturbed(neuron: ss.Neuron, current: Tensor, state: ss.State, lengths: Tensor | None) -> Tensor:
    """(B, *features): whether a neuron's spikes survive disturbances of its input."""
    exact = copy.deepcopy(neuron).double()
    exact.backend = "reference"
    x, steady = current.double(), torch.ones(current.shape[1:], dtype=torch.bool)
    state = ss.State(*(value if value is None or not value.is_floating_point() else value.double() for value in state))
    spikes = [run(exact, x * (1 + e) + e, state, lengths).spikes for e in (0, DISTURBANCE, -DISTURBANCE)]
    for other in spikes[1:]:
        steady &= (spikes[0] == other).all(0)
    return steady


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
    steady_share: float = 0.7,
) -> Tensor | None:
    """Compare; return the reference's spikes. `dtype` as in `assert_close`."""
    state = state_for(neuron, current, start)
    steady = torch.ones(current.shape[1:], dtype=torch.bool)
    if neuron.spiking:
        steady = disturbed(neuron, current, state, lengths)
        assert steady.numel() == 0 or steady.double().mean() >= steady_share
    made: dict[str, Tensor] = {}

    def cotangent(what: str, value: Tensor) -> Tensor:
        if what not in made:
            made[what] = torch.randn(value.shape, dtype=value.dtype) * (steady if value.dim() else 1)
        return strided(made[what])

    dtype = dtype or current.dtype
    expected, actual = (results(neuron, name, current, state, lengths, cotangent) for name in (against, backend))
    assert bool(steady.all()) or "loss" not in expected[0], "a loss is over all neurons: take a seed that disturbs none"
    for what, value in expected[0].items():
        found, mask = actual[0][what], steady if value.dim() else 1
        assert found.dtype == value.dtype
        if what == "spikes" and neuron.spiking:
            assert torch.equal(found * mask, value * mask)
        assert_close(found * mask, value * mask, what, dtype=dtype)
    for what, value in expected[1].items():
        found, mask = actual[1][what], steady if what in ("current", "synapse", "initial potential") else 1
        assert_close(found * mask, value * mask, f"gradient of {what}", dtype=dtype)
    return expected[0].get("spikes")
