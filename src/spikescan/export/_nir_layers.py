"""NIR nodes as layers: weights, and neurons of ours.

With a = 1 - Δt/τ (or exp(-Δt/τ)) a node computes i ← α i + (1 - α)·w_in·x and v ← β v + (1 - β)·r·i, and fires over
v_threshold. Ours is i ← α i + x and u ← β u + (1 - β)·i: so (1 - α)·w_in goes into the weights, and v = r·u. A spiking
neuron fires over v_threshold/r then; a readout's r goes into the weights as well.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch

from ..neurons import LIF, SPSN, LeakyIntegrator, Neuron
from ._nir_neurons import Grid, nir

NEAR = 1e-6
"""A factor as near to 1 as this is 1: what float32 leaves of a product that was 1."""


class Refused(Exception):
    """Why a graph is no `SpikingMLP`; the caller knows the file."""


class Layer(NamedTuple):
    weight: np.ndarray  # (neurons, inputs)
    bias: np.ndarray  # (neurons,)
    neuron: Neuron | None
    spikes: bool


class Leak(NamedTuple):
    """A leaky node: seconds, the factor of what comes in, r, each (neurons,)."""

    tau_mem: np.ndarray
    tau_syn: np.ndarray | None
    gain: np.ndarray
    r: np.ndarray


def layers(nodes: list[tuple[str, Any]], grid: Grid) -> list[Layer]:
    """The nodes between Input and Output, in order."""
    rest = iter(nodes)
    found: list[Layer] = []
    for k, (name, node) in enumerate(rest):
        if k == 0 and isinstance(node, nir().Flatten):
            continue
        if found and not found[-1].spikes:
            raise Refused(f"node {name!r}: {type(node).__name__} follows a readout, where Output is needed")
        weight, bias = _weights(name, node)
        found.append(_layer(weight, bias, rest, grid))
    if not found:
        raise Refused("there is no layer between Input and Output")
    return found


def _weights(name: str, node: Any) -> tuple[np.ndarray, np.ndarray]:
    if not isinstance(node, nir().Linear | nir().Affine):
        raise Refused(
            f"node {name!r}: {type(node).__name__}, where a SpikingMLP has Linear or Affine (then LIF, CubaLIF, or LI "
            "or CubaLI with a Threshold)"
        )
    weight = _finite(name, "weight", node.weight)
    if weight.ndim != 2:
        raise Refused(f"node {name!r}: a weight of two axes is needed, found shape {weight.shape}")
    bias = _finite(name, "bias", node.bias) if isinstance(node, nir().Affine) else np.zeros(1)
    return weight, _sized(name, "bias", bias, len(weight)).copy()


def _layer(weight: np.ndarray, bias: np.ndarray, rest: Iterator[tuple[str, Any]], grid: Grid) -> Layer:
    """The neurons behind these weights, as far as there are any."""
    name, node = next(rest, ("", None))
    if node is None:
        return Layer(weight, bias, None, spikes=False)
    leak = _leak(name, node, grid, len(weight))
    if isinstance(node, nir().LIF | nir().CubaLIF):
        neuron = _lif(name, node, leak, grid)
        return Layer(*_scaled(weight, bias, leak.gain), neuron, spikes=True)
    threshold, node = next(rest, ("", None))
    if node is None:
        neuron = LeakyIntegrator(*_taus(leak), grid.dt)
        return Layer(*_scaled(weight, bias, leak.gain * leak.r), neuron, spikes=False)
    if not isinstance(node, nir().Threshold):
        raise Refused(
            f"node {threshold!r}: {type(node).__name__} follows the leaky integrator {name!r}, where a Threshold, or "
            "the Output, is needed"
        )
    level = _sized(threshold, "threshold", _finite(threshold, "threshold", node.threshold), len(weight))
    neuron = _spsn(level / leak.r, leak, grid)
    return Layer(*_scaled(weight, bias, leak.gain), neuron, spikes=True)


def _leak(name: str, node: Any, grid: Grid, size: int) -> Leak:
    if not isinstance(node, nir().LIF | nir().CubaLIF | nir().LI | nir().CubaLI):
        raise Refused(f"node {name!r}: spikescan has no neuron for NIR's {type(node).__name__} between linear layers")

    def parameter(key: str) -> np.ndarray:
        return _sized(name, key, _finite(name, key, getattr(node, key)), size)

    for key in ("v_leak", "v_reset"):
        if hasattr(node, key) and parameter(key).any():
            raise Refused(f"node {name!r}: {key} is not 0; neurons of spikescan rest, and are reset, at 0")
    r = parameter("r")
    if not (r > 0).all():
        raise Refused(f"node {name!r}: r: a positive resistance is needed, found {r.min():g}")
    synapse = hasattr(node, "tau_syn")
    tau_mem, _ = _time(name, "tau_mem" if synapse else "tau", parameter, grid)
    if not synapse:
        return Leak(tau_mem, None, np.ones(size), r)
    tau_syn, forgotten = _time(name, "tau_syn", parameter, grid)
    gain = forgotten * parameter("w_in")
    return Leak(tau_mem, tau_syn, np.where(abs(gain - 1) < NEAR, 1, gain), r)


def _time(name: str, key: str, parameter: Any, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Seconds of ours, and 1 - decay."""
    tau = parameter(key)
    if not (tau > 0).all():
        raise Refused(f"node {name!r}: {key}: a positive time constant is needed, found {tau.min():g}")
    if grid.discretisation == "exact":
        return tau, -np.expm1(-grid.dt / tau)
    forgotten = grid.dt / tau
    if (forgotten > 1 + NEAR).any():
        raise Refused(
            f"node {name!r}: {key} of {tau.min():g} s is shorter than a step of dt = {grid.dt:g} s, for which forward "
            "Euler has no decay; give the dt that the graph was written for"
        )
    forgotten = np.where(abs(forgotten - 1) < NEAR, 1, forgotten)
    with np.errstate(divide="ignore"):
        return -grid.dt / np.log1p(-forgotten), forgotten


def _lif(name: str, node: Any, leak: Leak, grid: Grid) -> LIF:
    """Its membrane counts in units of r, or where our metadata say so, or nothing says otherwise than r·(1 - β) = 1, in
    those of r·(1 - β)."""
    metadata = node.metadata or {}
    forgotten = -np.expm1(-grid.dt / np.maximum(leak.tau_mem, 1e-300))
    unit = bool((abs(leak.r * forgotten - 1) < 1e-5).all())
    input_gain = str(metadata.get("input_gain", "unit" if unit else "leaky"))
    reset = str(metadata.get("reset", "hard"))
    if reset not in ("hard", "soft") or input_gain not in ("leaky", "unit"):
        raise Refused(f"node {name!r}: its metadata say reset {reset!r}, input gain {input_gain!r}, which no LIF has")
    threshold = _sized(name, "v_threshold", _finite(name, "v_threshold", node.v_threshold), len(leak.r))
    threshold = threshold / (leak.r * forgotten if input_gain == "unit" else leak.r)
    size = _threshold_options(threshold)
    neuron = LIF(*_taus(leak), grid.dt, float(threshold[0]), reset=reset, input_gain=input_gain, **size)
    return _with_thresholds(neuron, threshold)


def _spsn(threshold: np.ndarray, leak: Leak, grid: Grid) -> SPSN:
    neuron = SPSN(
        *_taus(leak),
        grid.dt,
        "threshold",
        threshold=float(threshold[0]),
        **_threshold_options(threshold),
    )
    return _with_thresholds(neuron, threshold)


def _threshold_options(threshold: np.ndarray) -> dict[str, Any]:
    """One that differs from neuron to neuron is a parameter."""
    return {"learn_threshold": True, "features": len(threshold)} if np.ptp(threshold) else {}


def _with_thresholds(neuron: Any, threshold: np.ndarray) -> Any:
    if np.ptp(threshold):
        with torch.no_grad():
            neuron.threshold.copy_(torch.from_numpy(threshold))
    return neuron


def _taus(leak: Leak) -> tuple[float | torch.Tensor, float | torch.Tensor | None]:
    return _tau(leak.tau_mem), None if leak.tau_syn is None else _tau(leak.tau_syn)


def _tau(tau: np.ndarray) -> float | torch.Tensor:
    return torch.from_numpy(tau.copy()) if np.ptp(tau) else float(tau[0])


def _scaled(weight: np.ndarray, bias: np.ndarray, factor: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return weight * factor[:, None], bias * factor


def _finite(name: str, key: str, value: Any) -> np.ndarray:
    array = np.asarray(value, dtype=np.float64)
    if not np.isfinite(array).all():
        raise Refused(f"node {name!r}: {key} has values that are not finite")
    return array


def _sized(name: str, key: str, value: np.ndarray, size: int) -> np.ndarray:
    if value.size not in (1, size) or value.ndim > 1:
        raise Refused(f"node {name!r}: {key} of shape {value.shape} does not fit {size} neurons")
    return np.broadcast_to(value.reshape(-1), size)
