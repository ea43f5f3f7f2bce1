"""What the equations say, written a second time: in float64, as published, and sharing no code with spikescan."""

import numpy as np
import torch
from torch import Tensor

WORD = np.uint64(0xFFFFFFFF)


def philox(counter: np.ndarray, key: tuple[int, int]) -> np.ndarray:
    """Philox 4x32-10 (Random123): counters (..., 4) of 32-bit words -> (..., 4)."""
    c = [counter[..., k].astype(np.uint64) for k in range(4)]
    k0, k1 = key
    for _ in range(10):
        first, second = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        high, low = np.uint64(32), WORD
        c = [
            (second >> high) ^ c[1] ^ np.uint64(k0),
            second & low,
            (first >> high) ^ c[3] ^ np.uint64(k1),
            first & low,
        ]
        k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
    return np.stack(c, -1)


def draw(seed: int, step: int, row: int, feature: int) -> float:
    """The documented number of one (seed, step, row, feature)."""
    counter = np.array([feature // 4, row, step % 2**32, step // 2**32 % 2**32], dtype=np.uint64)
    word = philox(counter, (seed % 2**32, seed // 2**32 % 2**32))[feature % 4]
    return (int(word) // 2**9 + 0.5) / 2**23


def scan(x: Tensor, decay: Tensor, initial: Tensor | None = None) -> Tensor:
    """v[t] = decay v[t-1] + x[t] as a sum of powers: (T, T) matrices instead of a recurrence. Differentiable."""
    x, decay = x.double(), decay.double().expand(x.shape[2:])
    steps = torch.arange(len(x))
    age = steps[:, None] - steps
    kernel = torch.where((age >= 0)[..., None], decay ** age.clamp_min(0)[..., None], 0.0)  # (T, T, N)
    v = torch.einsum("tsn,sbn->tbn", kernel, x)
    return v if initial is None else v + decay ** (steps + 1)[:, None, None] * initial.double()


def integrate(x: np.ndarray, alpha: float, beta: float) -> np.ndarray:
    """The leaky integrator's potentials in Fourier form (SPSN eq. 15); x (T, B, N).

    Padded to 3T: a product of three sequences of T is 3T - 2 long, and at 2T its end would fold back to its start.
    """
    steps = len(x)
    time = np.arange(steps, dtype=np.float64)[:, None, None]
    membrane, synapse = (1 - beta) * beta**time, alpha**time
    spectra = [np.fft.rfft(value, 3 * steps, axis=0) for value in (membrane, synapse, x.astype(np.float64))]
    return np.fft.irfft(spectra[0] * spectra[1] * spectra[2], 3 * steps, axis=0)[:steps]


def integrate_adjoint(grad: np.ndarray, alpha: float, beta: float) -> np.ndarray:
    """∂L/∂x from ∂L/∂u: the same convolution, backwards in time."""
    return integrate(grad[::-1], alpha, beta)[::-1].copy()


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def bernoulli(u: np.ndarray, r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """SPSN-SB, eq. 17-19: spikes and ∂s/∂u."""
    rho = sigmoid(u)
    return (r < rho).astype(np.float64), rho * rho * (1 - rho)


def gumbel(u: np.ndarray, r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """SPSN-GS with temperature 1: spikes and ∂s/∂u."""
    y = sigmoid(2 * u + np.log(r) - np.log(1 - r))
    return (y > 0.5).astype(np.float64), 2 * y * (1 - y)


def lif(x: np.ndarray, alpha: float, beta: float) -> tuple[np.ndarray, np.ndarray]:
    """SPSN's LIF in the published code's order: spikes and w, the potential before the reset."""
    i, u = np.zeros(x.shape[1:]), np.zeros(x.shape[1:])
    spikes, before = np.zeros(x.shape), np.zeros(x.shape)
    for t in range(len(x)):
        i = alpha * i + x[t]
        before[t] = beta * u + (1 - beta) * i
        spikes[t] = before[t] > 1
        u = before[t] * (1 - spikes[t])
    return spikes, before


def lif_adjoint(grad: np.ndarray, spikes: np.ndarray, before: np.ndarray, alpha: float, beta: float) -> np.ndarray:
    """∂L/∂x from ∂L/∂s, the reset detached, Θ′(z) = 1/(100 |z| + 1)²."""
    slope = 1 / (100 * np.abs(before - 1) + 1) ** 2
    out, on_u, on_i = np.zeros(grad.shape), np.zeros(grad.shape[1:]), np.zeros(grad.shape[1:])
    for t in reversed(range(len(grad))):
        on_w = grad[t] * slope[t] + on_u * (1 - spikes[t])
        out[t] = on_i = alpha * on_i + (1 - beta) * on_w
        on_u = beta * on_w
    return out


class Triangle(torch.autograd.Function):
    """Θ(x), with max(0, 1 - |x|) for Θ′."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return (x > 0).double()

    @staticmethod
    def backward(ctx, *grads):
        return grads[0] * torch.clamp(1 - ctx.saved_tensors[0].abs(), min=0)


def mpe(
    current: Tensor, threshold: Tensor, kappa: Tensor, estimate: str, r: Tensor | None, decay: float = 0.25
) -> tuple[Tensor, Tensor, Tensor]:
    """MPE-PSN of a whole sequence, a step at a time: spikes, u and L_mem. Without draws, û is its mean."""
    spikes, u, guess, loss = [], [], [], 0.0
    for t, now in enumerate(current.double()):
        fired = torch.sigmoid(now) if r is None else (r[t] < torch.sigmoid(now)).double()
        guess.append((1 - fired) * now)
        charge = now
        if estimate == "current" and t > 0:
            charge = now + decay * guess[t]
        elif estimate == "previous" and t > 0:
            charge = now + decay * guess[t - 1]
        spikes.append(Triangle.apply(charge - threshold.double()))
        u.append((1 - spikes[t]) * charge)
        if estimate == "previous":
            loss = loss + kappa[t].double() * (guess[t] - u[t]).square().mean() / len(current)
        elif t > 0:
            loss = loss + kappa[t - 1].double() * (guess[t] - u[t - 1]).square().mean() / (len(current) - 1)
    return torch.stack(spikes), torch.stack(u), loss
