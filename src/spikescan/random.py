"""The random numbers of every stochastic neuron: a counter, not a stream.

The draw for (seed, time step, batch row, feature) is word `feature mod 4` of Philox 4x32-10 (Salmon et al., "Parallel
random numbers: as easy as 1, 2, 3", SC 2011) at

    counter = (feature div 4, batch row, step low word, step high word)      key = (seed low word, seed high word)

of which the upper 23 bits k give r = (k + 1/2) / 2^23, exact in float32 and never 0 or 1. Nothing else enters, so the
draw is the same on every backend and device, for every batch size and every chunking.
"""

import math
from typing import TypeVar

import torch
from torch import Tensor

from .scan._operators import watched
from .scan._select import lazy, resolve, select
from .types import Seed

Words = TypeVar("Words", Tensor, int)
MULTIPLIERS = 0xD2511F53, 0xCD9E8D57
KEY_STEPS = 0x9E3779B9, 0xBB67AE85
ROUNDS = 10
_WORD = 0xFFFFFFFF


def philox(counter: tuple[Words, ...], key: tuple[Words, Words]) -> tuple[Words, ...]:
    """Four 32-bit words, in int64 tensors that broadcast together or in ints, for each counter: the reference."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(ROUNDS):
        (high0, low0), (high1, low1) = _product(c0, MULTIPLIERS[0]), _product(c2, MULTIPLIERS[1])
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0, k1 = (k0 + KEY_STEPS[0]) & _WORD, (k1 + KEY_STEPS[1]) & _WORD
    return c0, c1, c2, c3


def _product(word: Words, multiplier: int) -> tuple[Words, Words]:
    """The upper and the lower 32 bits. Tensors go by halves: what compilers make of one number takes for granted that
    no product of signed numbers overflows."""
    if isinstance(word, int):
        product = word * multiplier
        return product >> 32, product & _WORD
    low = word * (multiplier & 0xFFFF)
    high = word * (multiplier >> 16) + (low >> 16)
    return high >> 16, (high & 0xFFFF) << 16 | low & 0xFFFF


def as_seed(seed: Seed, device: torch.device | str | None = None, name: str = "seed") -> Tensor:
    """`seed` as a 0-d int64 tensor on `device`; errors call it `name`."""
    if isinstance(seed, Tensor):
        if seed.dtype != torch.int64 or seed.dim() != 0:
            raise TypeError(f"{name}: a 0-d int64 tensor is needed, found {seed.dtype} of shape {tuple(seed.shape)}")
        return seed.to(device)
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise TypeError(f"{name}: an int or a 0-d int64 tensor is needed, found {type(seed).__name__}")
    if not -(2**63) <= seed < 2**63:
        raise ValueError(f"{name}: {seed} does not fit into 64 bits")
    return torch.tensor(seed, dtype=torch.int64, device=device)


def refuse_second_seed(seed: Seed | None, carried: bool) -> None:
    """carried: whether there is a state that has a seed of its own."""
    if carried and seed is not None:
        raise ValueError("seed: the state already carries one; pass either")


def new_seed(device: torch.device | str | None = None) -> Tensor:
    """A fresh seed from torch's generator, so that `torch.manual_seed` governs; one of its own for each DDP rank."""
    seed = torch.randint(-(2**63), 2**63 - 1, (), dtype=torch.int64, device=device)
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return fold(seed, torch.distributed.get_rank())
    return seed


def fold(seed: Seed, *data: int | Tensor) -> Tensor:
    """Derive a seed: `fold(seed, layer)`, `fold(seed, epoch, batch)`. Philox itself is the hash."""
    seed = as_seed(seed)
    for value in data:
        value = as_seed(value, seed.device, "data")
        if seed.device.type == "cpu" and not (torch.compiler.is_compiling() or watched((seed, value))):
            low, high = _hash(int(value), int(seed), 0x666F6C64, 0)
            seed = torch.tensor((low | high << 32) - (high >> 31 << 64))  # as a signed number
        else:
            low, high = _hash(value, seed, torch.full_like(value, 0x666F6C64), torch.zeros_like(value))
            seed = low | (high << 32)
    return seed


def _hash(value, seed, *more):
    """Two words. Some sixty operations, which ints make quickly and small tensors slowly."""
    return philox((value & _WORD, (value >> 32) & _WORD, *more), (seed & _WORD, (seed >> 32) & _WORD))[:2]


def uniform(
    shape: tuple[int, ...],
    *,
    seed: Seed,
    step: int | Tensor = 0,
    device: torch.device | str | None = None,
    backend: str = "auto",
) -> Tensor:
    """The numbers in (0, 1) that a neuron called with `seed` uses for steps `step`, `step + 1`, …

    Args:
        shape: (T, B, *features).
        seed: an int or a 0-d int64 tensor.
        step: the first time step, an int or a 0-d int64 tensor.
        device: where the numbers are wanted; None: where seed and step are, else on the CPU.
        backend: auto, reference (torch operations, any device), native or triton.
    Returns:
        float32 (T, B, *features), the same on every device.
    Raises:
        ValueError: a shape without T and B or with a negative size, a number beyond 64 bits.
        TypeError: a seed or step that is neither an int nor a 0-d int64 tensor.
    """
    if len(shape) < 2:
        raise ValueError(f"shape: (T, B, *features) is needed, found {tuple(shape)}")
    if min(shape) < 0:
        raise ValueError(f"shape: no negative size is possible, found {tuple(shape)}")
    seed, step = as_seed(seed, device), as_seed(step, device, "step")
    return uniform_op(seed, step, shape[0], shape[1], math.prod(shape[2:]), backend).view(shape)


@torch.library.custom_op("spikescan::uniform", mutates_args=())
def uniform_op(seed: Tensor, step: Tensor, steps: int, rows: int, features: int, backend: str) -> Tensor:
    """(T, B, N)"""
    name = resolve(backend, seed.device, torch.float32)
    return select(BODIES, name, seed, "generator")(seed, step, steps, rows, features)


@uniform_op.register_fake
def _(seed: Tensor, step: Tensor, steps: int, rows: int, features: int, backend: str) -> Tensor:
    return torch.empty((steps, rows, features), dtype=torch.float32, device=seed.device)


def _reference(seed: Tensor, step: Tensor, steps: int, rows: int, features: int) -> Tensor:
    def axis(size: int, *view: int) -> Tensor:
        return torch.arange(size, dtype=torch.int64, device=seed.device).view(view)

    times = step + axis(steps, -1, 1, 1)
    counter = (axis(-(-features // 4), 1, 1, -1), axis(rows, 1, -1, 1), times & _WORD, (times >> 32) & _WORD)
    words = torch.stack(torch.broadcast_tensors(*philox(counter, (seed & _WORD, (seed >> 32) & _WORD))), dim=-1)
    bits = words.flatten(2)[..., :features] >> 9
    return (bits.to(torch.float32) + 0.5) * 2.0**-23


BODIES = {
    "reference": _reference,
    "native": lazy("spikescan.fused._native", "uniform"),
    "triton": lazy("spikescan.fused._triton_math", "uniform"),
}
