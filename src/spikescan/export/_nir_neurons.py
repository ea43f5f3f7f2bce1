"""Our neurons as NIR nodes.

| ours | NIR |
|---|---|
| leaky integrator | CubaLI, without a synapse LI |
| SPSN | the same, then Threshold (a CubaLIF would reset) |
| LIF | CubaLIF, without a synapse LIF; soft reset in the node's metadata |

A reader turns NIR's equations, τ v̇ = (v_leak - v) + r·I, into v ← a·v + (1 - a)·r·I, with a = 1 - Δt/τ (forward Euler)
or a = exp(-Δt/τ) (exact, the input held over a step). So w_in = 1/(1 - α) gives our synapse, r = 1 our membrane, and
either τ is chosen so that a is our decay: Δt/(1 - a), or -Δt/ln a.
"""

from functools import cache
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor, nn

from ..firing import Threshold
from ..neurons import LIF, MPEPSN, ReLU
from ..neurons._leaky import LeakyNeuron
from ._files import optional
from ._levels import firing_level
from ._plain import is_integrating

DISCRETISATIONS = "euler", "exact"


class Grid(NamedTuple):
    """dt: seconds of a step. discretisation: "euler" or "exact". dtype: that the network computes in."""

    dt: float
    discretisation: str
    dtype: torch.dtype = torch.float32


@cache
def nir() -> Any:
    return optional("nir")


def neuron_nodes(neuron: nn.Module, features: tuple[int, ...], grid: Grid, layer: str) -> list[Any]:
    """One node, or an integrator and a Threshold: both NIR's and ours fire over it, not at it.

    `layer` is what errors call the neuron.
    """
    if isinstance(neuron, MPEPSN | ReLU):
        raise ValueError(f"{layer}: NIR has no node for {type(neuron).__name__}; export it as torch or onnx")
    if not is_integrating(neuron):
        raise ValueError(f"{layer}: it is not known which NIR node a {type(neuron).__name__} is")
    neuron = cast(LeakyNeuron, neuron)
    how = neuron.dynamics
    if how.reset != "none":
        if type(how.firing) is not Threshold or how.firing.activation != "identity":
            raise ValueError(f"{layer}: NIR's LIF fires over a threshold of its potential, this one by {how.firing}")
        return [_lif(neuron, features, grid, layer)]
    integrator = _integrator(neuron, features, grid, layer)
    if how.firing is None:
        return [integrator]
    level = firing_level(how.firing, neuron.threshold, grid.dtype)
    if level is None:
        raise ValueError(f"{layer}: NIR has no node for firing by {how.firing}; export it as torch or onnx")
    return [integrator, nir().Threshold(threshold=_each(level, features))]


def _integrator(neuron: LeakyNeuron, features: tuple[int, ...], grid: Grid, layer: str) -> Any:
    mem, one, zero = _decay(neuron, "mem", features, layer), np.ones(features, "f4"), np.zeros(features, "f4")
    gain = one if neuron.dynamics.leaky_gain else (1 / (1 - mem)).astype("f4")
    tau = _tau(mem, grid, layer)
    if neuron.decay_syn is None:
        return nir().LI(tau=tau, r=gain, v_leak=zero)
    syn = _decay(neuron, "syn", features, layer)
    w_in = (1 / (1 - syn)).astype("f4")
    return nir().CubaLI(tau_syn=_tau(syn, grid, layer), tau_mem=tau, r=gain, v_leak=zero, w_in=w_in)


def _lif(neuron: LeakyNeuron, features: tuple[int, ...], grid: Grid, layer: str) -> Any:
    """For forward Euler a CubaLIF counts its membrane in units of 1 - β: snnTorch and SpikingJelly want r = τ/Δt.

    An LIF has r = 1 where it can, because Norse leaves r out; not where time constants differ, of which snnTorch would
    then take one for all: it refuses thresholds that differ.
    """
    assert neuron.threshold is not None
    mem = _decay(neuron, "mem", features, layer)
    threshold = _each(neuron.threshold, features).astype("f8")
    leaky = neuron.dynamics.leaky_gain
    differ = neuron.decay_syn is not None or np.ptp(mem) > 0
    scaled = not leaky or (grid.discretisation == "euler" and differ)
    parameters = {
        "r": 1 / (1 - mem) if scaled else np.ones(features),
        "v_threshold": threshold / (1 - mem) if scaled and leaky else threshold,
        "v_leak": np.zeros(features),
        "v_reset": np.zeros(features),
    }
    parameters = {name: value.astype("f4") for name, value in parameters.items()}
    parameters["metadata"] = {"reset": neuron.dynamics.reset, "input_gain": "leaky" if leaky else "unit"}
    tau = _tau(mem, grid, layer)
    if neuron.decay_syn is None:
        return nir().LIF(tau=tau, **parameters)
    syn = _decay(neuron, "syn", features, layer)
    w_in = (1 / (1 - syn)).astype("f4")
    return nir().CubaLIF(tau_syn=_tau(syn, grid, layer), tau_mem=tau, w_in=w_in, **parameters)


def _decay(neuron: LeakyNeuron, which: str, features: tuple[int, ...], layer: str) -> np.ndarray:
    """Of each neuron, float64, under 1."""
    value: Tensor = getattr(neuron, f"decay_{which}").forward().detach()
    if bool((value >= 1).any()):
        raise ValueError(f"{layer}: tau_{which} is infinite; NIR's leaky nodes forget, so a finite one is needed")
    return np.broadcast_to(value.cpu().double().numpy(), features).copy()


def _tau(decay: np.ndarray, grid: Grid, layer: str) -> np.ndarray:
    if grid.discretisation == "euler":
        return (grid.dt / (1 - decay)).astype("f4")
    if (decay <= 0).any():
        raise ValueError(f'{layer}: a time constant of 0 divides by 0 in NIR; export with discretisation="euler"')
    return (-grid.dt / np.log(decay)).astype("f4")


def _each(value: float | Tensor, features: tuple[int, ...]) -> np.ndarray:
    """float32, one for each neuron: a node's parameters share one shape, and one of shape [] cannot be read back."""
    value = value.detach().cpu().double() if isinstance(value, Tensor) else torch.tensor(float(value))
    return np.broadcast_to(value.numpy(), features).astype("f4")


def soft(neuron: nn.Module) -> bool:
    return isinstance(neuron, LIF) and neuron.dynamics.reset == "soft"
