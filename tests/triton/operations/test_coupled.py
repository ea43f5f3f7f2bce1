"""Two states that drive each other by Triton against the reference: values and every gradient."""

import pytest
import torch
from helpers import leaf
from oracle import (
    SEED,
    STEP,
    TOLERANCE,
    assert_same,
    assert_triton_equals_reference,
    cotangents,
    lengths_of,
    strided,
)
from tolerances import assert_close

import spikescan as ss
from spikescan.firing import Arctan, Boxcar, Delta, FastSigmoid, Sigmoid, Threshold, Triangular, firing
from spikescan.fused import Dynamics, Operands, integrate_and_fire

LEARNED = {"learn_tau": True, "learn_frequency": True}


def coupling_of(features: int, device: str) -> torch.Tensor:
    """Random, of states that turn by about half a radian a step as they decay."""
    generator = torch.Generator().manual_seed(5)
    spread = 0.1 * torch.randn(7, features, dtype=torch.float64, generator=generator, device="cpu")
    middle = torch.tensor([0.8, 0.5, 0.3, 0.8, -0.5, 0.9, 0.4], dtype=torch.float64, device="cpu")
    return (middle[:, None] + spread).to(device)


def everything(how: Dynamics, backend: str, current, coupling, lengths=None) -> dict[str, torch.Tensor]:
    """Outputs, and gradients of all that has one."""
    dtype, device = current.dtype, current.device
    states = (strided(current.shape[1:], dtype, device, scale) for scale in (0.5, -0.5))
    threshold = None
    if how.firing.default_threshold is not None:
        threshold = torch.linspace(0.2, 0.6, current.shape[2], dtype=dtype, device=device).requires_grad_()
    x, coupling, synapse, potential = (
        value.detach().contiguous().clone().requires_grad_() for value in (current, coupling, *states)
    )
    seed, step = (torch.tensor(value, device=device) for value in (SEED, STEP))
    operands = Operands(x, None, None, coupling, synapse, potential, threshold, seed, step, lengths)
    out = integrate_and_fire(operands, how, backend=backend, potentials=True)
    cotangents(list(out)).backward()
    leaves = {"current": x, "coupling": coupling, "synapse": synapse, "potential": potential, "threshold": threshold}
    found = out._asdict() | {f"grad {name}": value.grad for name, value in leaves.items() if value is not None}
    return {name: value.detach() for name, value in found.items() if value is not None}


def assert_coupled(how: Dynamics, shape, device: str, *, shared: bool = False, padded: bool = False) -> None:
    current, coupling = strided(shape, torch.float64, device), coupling_of(1 if shared else shape[2], device)
    lengths = lengths_of(shape[0], shape[1], device) if padded else None
    found, expected = (everything(how, backend, current, coupling, lengths) for backend in ("triton", "reference"))
    assert found["grad coupling"][:-1].all()
    assert found["spikes"].any()
    assert_same(found, expected, torch.float64)


RESETS = [
    ("hard", True, FastSigmoid()),
    ("hard", False, Triangular()),
    ("soft", True, Sigmoid()),
    ("soft", False, Arctan()),
    ("soft", False, Boxcar()),
]


@pytest.mark.parametrize(("reset", "detached", "surrogate"), RESETS, ids=str)
def test_resets(reset, detached, surrogate, device):
    how = Dynamics(Threshold(surrogate=surrogate), reset, detached, learned=True)
    assert_coupled(how, (13, 3, 3), device, padded=detached, shared=reset == "hard")


FIRINGS = [*map(firing, ("bernoulli", "gumbel", "escape", "threshold_tanh")), Delta("tanh", Arctan())]


@pytest.mark.parametrize("fire", FIRINGS, ids=str)
def test_firing_functions_in_chunks(fire, device, short_chunks):
    assert_coupled(Dynamics(fire, learned=True), (20, 3, 3), device, padded=fire != firing("gumbel"))


def test_a_resonator_in_long_chunks(device):
    """Of 64 steps: a pole near 1 that has turned far by then."""
    neuron = ss.Resonator(0.2, (3.0, 40.0), part="imaginary", features=3, **LEARNED)
    assert_triton_equals_reference(lambda _: neuron, (135, 1, 3), device)


N = 5
NEURONS = {
    "resonate and fire": lambda **o: ss.ResonateAndFire(8e-3, 60.0, input_gain="unit", threshold=0.5, **o),
    "c-silif": lambda **o: ss.CSiLIF((4e-3, 20e-3), (0.0, 90.0), input_gain="unit", features=N, **LEARNED, **o),
    "adaptive lif": lambda **o: ss.AdaptiveLIF(8e-3, 30e-3, threshold=0.3, **o),
    "adaptive lif learned": lambda **o: ss.AdaptiveLIF(
        8e-3, 30e-3, threshold=0.3, learn_adaptation=True, learn_threshold=True, features=N, **o
    ),
}
each_neuron = pytest.mark.parametrize("make", NEURONS.values(), ids=NEURONS.keys())


@each_neuron
def test_neurons_in_float32(make, device):
    assert_triton_equals_reference(lambda _: make(), (18, 2, N), device, padded=True, dtype=torch.float32)


def test_draws_are_those_of_the_other_kernels(device, short_chunks):
    neuron = ss.ResonateAndFire(8e-3, 60.0, firing="gumbel", input_gain="unit", backend="triton").to(device)
    current = strided((20, 2, 6), torch.float64, device)
    spikes = neuron(current, seed=SEED)
    neuron.backend = "auto"
    assert torch.equal(spikes.cpu(), neuron.cpu()(current.cpu(), seed=SEED))


def test_split_and_carry(device):
    neuron, current = NEURONS["adaptive lif"](backend="triton").to(device), strided((17, 2, N), torch.float32, device)
    first, state = neuron.advance(current[:7])
    then, _ = neuron.advance(current[7:], state)
    assert torch.equal(torch.cat([first, then]), neuron(current))


def spikes_and_gradients(neuron: ss.Neuron, current: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Under a cotangent that 16 bits hold."""
    x = leaf(current)
    spikes = neuron(x)
    cotangent = strided(spikes.shape, torch.float32, current.device).bfloat16().to(spikes.dtype)
    return spikes, *torch.autograd.grad(spikes, [x, *neuron.parameters()], cotangent)


@each_neuron
def test_a_current_of_16_bits_is_the_widened_one(make, device):
    neuron, current = make(backend="triton").to(device), strided((9, 2, N), torch.float32, device).bfloat16()
    half, wide = (spikes_and_gradients(neuron, x) for x in (current, current.float()))
    assert torch.equal(half[0], wide[0].bfloat16())
    for one, other in zip(half[1:], wide[1:], strict=True):
        assert_close(one.float(), other, dtype=torch.bfloat16)


@each_neuron
def test_half_memory(make, device):
    """16 bits of what is kept change no spike and gradients little; of a current that they hold, nothing."""
    current = strided((20, 2, N), torch.float32, device).half().float()
    half, full = (spikes_and_gradients(make(backend="triton", memory=m).to(device), current) for m in ("half", "full"))
    assert torch.equal(half[0], full[0])
    assert full[0].any()
    for one, other in zip(half[1:], full[1:], strict=True):
        assert_close(one, other, tolerance=2e-3 if len(full) == 2 else 0.0, floor=1.0)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # of numpy, in the interpreter, for inf - inf
def test_what_is_not_finite_shows(device, short_chunks):
    neuron = NEURONS["resonate and fire"](backend="triton").to(device)
    current = strided((18, 2, 3), torch.float32, device).contiguous()
    current[5, 1, 2] = float("inf")
    touched = torch.zeros_like(current, dtype=torch.bool)
    touched[5:, 1, 2] = True
    assert torch.equal(neuron(current).isnan(), touched)


@pytest.mark.parametrize(("reverse", "dtype"), [(False, torch.float64), (True, torch.float64), (True, torch.float32)])
def test_linear_scan_with_a_complex_decay(reverse, dtype, device, short_chunks):
    inside, found = dtype.to_complex(), []
    size, angle = (torch.linspace(*ends, 3, dtype=dtype, device=device) for ends in ((0.2, 1.0), (0.0, 3.0)))
    for backend in ("triton", "reference"):
        x, decay = leaf(strided((27, 2, 3), dtype, device)), leaf(torch.polar(size, angle))
        initial = leaf(strided((2, 3), inside, device)) if reverse else None
        v = ss.linear_scan(x, decay, initial, reverse, backend)
        assert v.dtype == inside
        leaves = [x, decay] + ([initial] if reverse else [])
        found.append([v, *torch.autograd.grad(v, leaves, strided(v.shape, inside, device))])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, **TOLERANCE[dtype])
