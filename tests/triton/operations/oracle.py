"""Runs a neuron under a backend and gathers everything it computes, so that two backends can be compared."""

from collections.abc import Callable

import torch
from torch import Tensor

import spikescan as ss

TOLERANCE = {torch.float64: {"rtol": 1e-7, "atol": 1e-8}, torch.float32: {"rtol": 1e-4, "atol": 1e-4}}
SEED, STEP = -123456789012345, 2**32 - 3  # a negative seed, and a counter that overflows its low word


def strided(shape: tuple[int, ...], dtype: torch.dtype, device: str, scale: float = 3.0) -> Tensor:
    """The same normal numbers on every device, not contiguous."""
    generator = torch.Generator().manual_seed(7)
    values = scale * torch.randn((*shape[:-1], 2 * shape[-1]), dtype=dtype, generator=generator, device="cpu")
    return values.to(device)[..., ::2]


def cotangents(tensors: list[Tensor | None]) -> Tensor:
    """A scalar with a random gradient for every tensor."""
    generator = torch.Generator().manual_seed(8)
    total = torch.zeros((), device="cpu")
    for tensor in tensors:
        if tensor is not None:
            weight = torch.randn(tensor.shape, dtype=tensor.dtype, generator=generator, device="cpu")
            total = total + (tensor * weight.to(tensor.device)).sum().cpu()
    return total


def lengths_of(steps: int, rows: int, device: str) -> Tensor:
    return torch.tensor([steps // 2 + 1, 0, steps, steps - 1], device=device)[:rows]


def everything(neuron: ss.Neuron, backend: str, current: Tensor, lengths: Tensor | None = None) -> dict[str, Tensor]:
    """Outputs, and gradients of current, initial state and parameters."""
    neuron.backend = backend
    neuron.zero_grad()
    current = current.detach().clone().requires_grad_()
    rows, features = current[0].shape
    start = torch.linspace(-1, 1, rows * features, dtype=current.dtype, device=current.device).view(features, rows).t()
    synapse, potential = start.clone().requires_grad_(), (0.5 - start).requires_grad_()
    has_synapse = "synapse" in getattr(neuron, "_carried", ())
    step = torch.tensor(STEP, device=current.device)
    state = ss.State(synapse if has_synapse else None, potential, step=step)
    out = neuron.run(current, state, seed=SEED, lengths=lengths, potentials=True)
    cotangents([out.spikes, out.potential, out.state.synapse, out.state.potential]).backward()
    found = {
        "spikes": out.spikes,
        "potential": out.potential,
        "last synapse": out.state.synapse,
        "last potential": out.state.potential,
        "grad current": current.grad,
        "grad synapse": synapse.grad,
        "grad potential": potential.grad,
    } | {f"grad {name}": parameter.grad for name, parameter in neuron.named_parameters()}
    return {name: value.detach().clone() for name, value in found.items() if value is not None}


def assert_same(found: dict[str, Tensor], expected: dict[str, Tensor], dtype: torch.dtype) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(
            found[name], value, msg=lambda text, name=name: f"{name}: {text}", **TOLERANCE[dtype]
        )


def assert_triton_equals_reference(
    make: Callable[[int], ss.Neuron],
    shape: tuple[int, int, int],
    device: str,
    padded: bool = False,
    dtype: torch.dtype = torch.float64,
) -> None:
    neuron = make(shape[2]).to(device)
    current = strided(shape, dtype, device)
    lengths = lengths_of(shape[0], shape[1], device) if padded else None
    expected = everything(neuron, "reference", current, lengths)
    assert_same(everything(neuron, "triton", current, lengths), expected, dtype)
